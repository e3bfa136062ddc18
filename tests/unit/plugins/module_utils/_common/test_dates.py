# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.dates import normal_date, parse_date


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23T00:03:55.4832468+00:00", "2026-11-23T00:03:55Z"),
        ("2026-08-20T14:16:19.1234567+02:00", "2026-08-20T12:16:19Z"),
        ("2026-08-20T14:16:19-05:30", "2026-08-20T19:46:19Z"),
        ("2027-12-27T00:00:00", "2027-12-27T00:00:00Z"),  # license token: no zone, UTC
        ("2027-12-27T00:00:00Z", "2027-12-27T00:00:00Z"),
        ("2026-11-23T00:03:17.7Z", "2026-11-23T00:03:17Z"),
        ("2026-12-31T23:59:59.9999999-00:30", "2027-01-01T00:29:59Z"),
        ("0001-01-01T00:00:00", None),  # .NET's "no date"
        (None, None),
        ("", None),
        ("yesterday", None),
        ("2026-13-01T00:00:00Z", None),
        (1234567890, None),
    ],
)
def test_every_form_of_the_server_becomes_utc(text: object, expected: object) -> None:
    assert normal_date(text) == expected


def test_microseconds_tell_two_syncs_of_one_second_apart() -> None:
    assert parse_date("2026-11-23T00:03:55.4832468Z") != parse_date("2026-11-23T00:03:55.4832478Z")
