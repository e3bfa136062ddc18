# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values that YAML does not keep as they were written."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.text_values import not_text, options_not_text

OPTIONS = {
    "token": {"type": "str", "no_log": True},
    "content": {"type": "raw", "no_log": True},
    "headers": {"type": "dict", "no_log": True},
    "license": {"type": "dict", "options": {"content": {"type": "raw", "no_log": True}, "src": {"type": "path"}}},
    "name": {"type": "str"},
    "count": {"type": "int"},
}


@pytest.mark.parametrize("value", [True, 83, 1.5, datetime.date(2026, 1, 2), ["canary"], {"canary": 1}])
def test_what_is_not_a_text(value: Any) -> None:
    text = not_text("token", value)
    assert text.startswith("token is a ") and text.endswith(" Quote it.")
    assert "canary" not in text and "2026" not in text and "1.5" not in text


@pytest.mark.parametrize("value", [None, "", "0123", "true"])
def test_what_is_one(value: Any) -> None:
    assert not_text("token", value) == ""


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"token": 83, "content": 1}, ["token", "content"]),
        ({"headers": {"X-One": 5, "X-Two": "5"}}, ["X-One in headers"]),
        ({"license": {"content": True, "src": "x"}}, ["content"]),
        ({"name": {"a": 1}}, ["name"]),
        # A license as a lookup returns it, numbers that are not secrets, and what Ansible checks by itself.
        ({"license": {"content": {"Users": 10}}, "content": ["x"], "name": 5, "count": ["x"]}, []),
        ({}, []),
    ],
)
def test_which_options_have_to_be_a_text(arguments: dict[str, Any], named: list[str]) -> None:
    assert [fault.partition(" is a ")[0] for fault in options_not_text(OPTIONS, arguments)] == named
