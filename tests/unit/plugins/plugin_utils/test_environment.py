# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Variables of a task: set for as long as it runs, and no trace afterwards."""

from __future__ import annotations

import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._environment import environment


def now() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}


@pytest.fixture(autouse=True)
def before(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in ("HTTPS_PROXY", "BW_CLIENTID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://old")
    monkeypatch.setenv("BW_CLIENTSECRET", "old")
    return now()


def test_it_is_as_before_afterwards(before: dict[str, str]) -> None:
    with pytest.raises(KeyError), environment({"BW_CLIENTID": "new", "BW_CLIENTSECRET": "new"}):
        assert (os.environ["BW_CLIENTID"], os.environ["BW_CLIENTSECRET"]) == ("new", "new")
        raise KeyError
    assert now() == before


def test_the_other_spelling_of_a_proxys_variable_gives_way(before: dict[str, str]) -> None:
    with environment({"HTTPS_PROXY": "http://new"}):
        assert os.environ["HTTPS_PROXY"] == "http://new"
        assert "https_proxy" not in os.environ
    with environment({"HTTPS_PROXY": "http://new", "https_proxy": ""}):
        assert os.environ["https_proxy"] == ""
    assert now() == before


def test_what_was_before_can_be_had_meanwhile(before: dict[str, str]) -> None:
    """For the connection to the host."""
    with environment({"HTTPS_PROXY": "http://new", "BW_CLIENTID": "new"}) as own:
        during = now()
        with environment(own):
            assert now() == before
        assert now() == during
    assert now() == before
