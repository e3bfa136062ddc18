# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The license from the stand-in cloud: result or file, compared before it is written."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.cloud import license_download

from .standin_pair import CANARIES, CLOUD_ORGANIZATION, INSTALLATION, LICENSE_KEY, Pair

Task = Callable[..., dict[str, Any]]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "license.json"


@pytest.fixture
def task(cloud_params: dict[str, Any], dest: Path) -> Task:
    def run(check_mode: bool = False, **changed: Any) -> dict[str, Any]:
        own = {"installation_id": INSTALLATION, "dest": str(dest), "master_password": None}
        try:
            result = license_download.perform({**cloud_params, **own, **changed}, check_mode)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise
        if "license" not in result:
            assert not [canary for canary in CANARIES if canary in repr(result)]
        return result

    return run


def test_the_cycle(pair: Pair, task: Task, dest: Path) -> None:
    assert task(True)["changed"] and not dest.exists()
    made = task()
    assert made["changed"] and made["changes"] == [{"key": "file", "action": "added"}]
    content = json.loads(dest.read_text())
    assert (content["licenseKey"], content["installationId"]) == (LICENSE_KEY, INSTALLATION)
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    before = dest.read_bytes()
    assert task()["changed"] is False and dest.read_bytes() == before, "another issue of the same license"
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "seats": 99})
    for check_mode in (True, False):
        result = task(check_mode)
        assert result["changes"] == [{"key": "Seats", "action": "changed"}]
        assert "Seats=99" in result["diff"]["after"]
    assert task()["changed"] is False
    assert list(dest.parent.iterdir()) == [dest], "nothing else is left"
    posts = [item["path"] for item in pair.cloud.control("GET", "requests") if item["method"] != "GET"]
    assert set(posts) == {"/connect/token"}


def test_as_a_result(task: Task) -> None:
    result = task(dest=None)
    assert result["_ansible_no_log"] is True and result["changed"] is False
    assert json.loads(result["license"])["licenseKey"] == LICENSE_KEY


@pytest.mark.parametrize("content", [b"", b"{}", b"no json", b"\xff\xfe\x00", b'{"licenseKey": "x"} more'])
def test_what_is_no_license_is_replaced(task: Task, dest: Path, content: bytes) -> None:
    dest.write_bytes(content)
    assert task()["changed"] is True
    assert json.loads(dest.read_text())["licenseKey"] == LICENSE_KEY


def test_an_issue_of_long_ago_is_replaced(pair: Pair, task: Task, dest: Path) -> None:
    pair.cloud.control("POST", "clock", {"shift": -40 * 86400})
    task()
    pair.cloud.control("POST", "clock", {"shift": 0})
    assert task()["changes"] == [{"key": "Issued", "action": "changed"}]
    assert task()["changed"] is False


@pytest.mark.parametrize(("change", "cause"), [
    ({"installation_id": "b4d6f8a0-1c2e-4f30-8a5b-000000000000"}, "installation"),
    ("none", "no_subscription"),
    ("payment", "payment"),
])  # fmt: skip
def test_refusals(pair: Pair, task: Task, dest: Path, change: Any, cause: str) -> None:
    if isinstance(change, str):
        pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "subscription": change})
        change = {}
    with pytest.raises(ApiError) as error:
        task(**change)
    assert (error.value.result()["cause"], error.value.layer) == (cause, "license")
    assert error.value.advice and not dest.exists()


@pytest.mark.parametrize(("change", "message"), [
    ({"installation_id": "nonsense"}, "no installation's id"),
    ({"dest": "/nowhere/license.json"}, "dest cannot be written"),
    ({"dest": "/proc"}, "dest cannot be read"),
])  # fmt: skip
def test_wrong_options(task: Task, change: dict[str, str], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        task(**change)


def test_a_link_stays_a_link(task: Task, dest: Path) -> None:
    target = dest.parent / "real.json"
    dest.symlink_to(target)
    task()
    assert dest.is_symlink() and json.loads(target.read_text())["licenseKey"] == LICENSE_KEY
