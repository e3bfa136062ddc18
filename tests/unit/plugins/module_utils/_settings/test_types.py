# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.types import url_error, validation_error


@pytest.mark.parametrize(
    ("kind", "text", "accepted"),
    [
        ("boolean", "true", True),
        ("boolean", " FALSE ", True),
        ("boolean", "1", False),
        ("boolean", "", False),
        ("integer", "0", True),
        ("integer", "-2147483648", True),
        ("integer", "2147483647", True),
        ("integer", " +5 ", True),
        ("integer", "2147483648", False),
        ("integer", "1" * 5000, False),
        ("integer", "1.0", False),
        ("integer", "1_000", False),
        ("integer", "\u0661", False),
        ("integer", "0xff", True),
        ("integer", "", False),
        ("integer?", "", True),
        ("integer?", " ", False),
        ("integer?", "x", False),
        ("integer", "0xfffffffff", False),
        ("long", "9223372036854775807", True),
        ("long", "9223372036854775808", False),
        ("long", "0xffffffffffffffff", True),
        ("long?", "", True),
        ("number", "0.5", True),
        ("number", "1e3", True),
        ("number", ".", False),
        ("number?", "", True),
        ("guid", "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b", True),
        ("guid", "{B4D6F8A0-1C2E-4F30-8A5B-6C7D8E9F0A1B}", True),
        ("guid", "(b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b)", True),
        ("guid", "b4d6f8a01c2e4f308a5b6c7d8e9f0a1b", True),
        ("guid", "{b4d6f8a01c2e4f308a5b6c7d8e9f0a1b}", False),
        ("guid", "{b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b)", False),
        ("guid", "00000000-0000-0000-0000-000000000000", False),
        ("guid", "", False),
        ("guid", "x", False),
        ("timespan", "00:05:00", True),
        ("timespan", "1.12:00:00", True),
        ("timespan", "7", True),
        ("timespan", "1:30", True),
        ("timespan", "-00:00:01.5", True),
        ("timespan", "1:02:03:04", True),
        ("timespan", "24:00:00", False),
        ("timespan", "00:60:00", False),
        ("timespan", "5m", False),
        ("timespan", "", False),
        ("enum: A|B", "b", True),
        ("enum: A|B", "C", False),
        ("enum: A|B", "", False),
        ("string", "", True),
        ("string", "anything", True),
    ],
)
def test_types(kind: str, text: str, accepted: bool) -> None:
    assert (validation_error(kind, text) is None) is accepted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("https://api.bitwarden.eu", None),
        ("http://proxy.example.com:8080/bitwarden/", None),
        ("https://[2001:db8::1]/", None),
        ("https://proxy.example.com/bitwarden", "ends in a slash"),
        ("https://proxy.example.com/?a=b", "query"),
        ("https://a:port", "absolute"),
        ("//api.example.com", "absolute"),
        ("https:\\\\api", "backslashes"),
        ('"https://api.example.com"', "quotes"),
        (" https://api.example.com", "blanks"),
        ("https://[", "absolute"),
    ],
)
def test_urls(text: str, reason: Optional[str]) -> None:
    found = url_error(text)
    assert found is None if reason is None else found is not None and reason in found
