# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Rules of the stand-in that no recording shows whole: limiter, licenses, rewrites."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from standin import clock, keys, license_fields, license_signing
from standin.json_input import Member, ModelError, read_model
from standin.limiter import API_RULES, IDENTITY_RULES, Limiter
from standin.passwords import master_password_hash
from standin.setup_rewrite import rewrite

NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
LOGIN = ("192.0.2.1", "POST", "/connect/token")


class Time:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def _refusals(limiter, time, count, pace):
    found = []
    for _count in range(count):
        found.append(limiter.refuse(*LOGIN))
        time.now += pace
    return found


def test_ten_logins_a_minute():
    time = Time()
    found = _refusals(Limiter(IDENTITY_RULES, time), time, 12, 1.3)
    assert found[:10] == [None] * 10
    assert found[10] == (47, "1m")


def test_four_logins_at_once_and_other_addresses_are_free():
    time = Time()
    limiter = Limiter(IDENTITY_RULES, time)
    assert [one is None for one in _refusals(limiter, time, 6, 0)] == [True] * 4 + [False] * 2
    assert limiter.refuse("192.0.2.2", "POST", "/connect/token") is None
    time.now += 1.1
    assert limiter.refuse(*LOGIN) is None


def test_a_scaled_limiter_forgets_sooner():
    time = Time()
    limiter = Limiter(IDENTITY_RULES, time, scale=0.1)
    assert _refusals(limiter, time, 11, 0.2)[10] == (4, "1m")
    time.now += 4
    assert limiter.refuse(*LOGIN) is None


def test_reads_of_the_api_are_hardly_limited_and_off_is_off():
    time = Time()
    limiter = Limiter(API_RULES, time)
    assert not any(limiter.refuse("192.0.2.1", "GET", "/config") for _count in range(200))
    limiter.on = False
    assert not any(_refusals(limiter, time, 50, 0))


@pytest.fixture(scope="module")
def pair():
    return keys.pair()


def _license(pair, **changes):
    members = {name: None for name, _rest in license_fields.FIELDS}
    for name, kind in license_fields.FIELDS:
        if kind == "bool":
            members[name] = True
    members.update({"Id": "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003", "PlanType": 20, "Version": 15, "LicenseType": 1})
    members.update({"Issued": clock.utc(NOW), "Expires": "2027-12-27T00:00:00Z", "Seats": 10, **changes})
    return license_signing.sign(members, pair["license_signing_key"], NOW)


def test_a_license_survives_the_way_through_its_file_and_token(pair):
    license_ = _license(pair)
    read = license_fields.read(license_fields.write(license_), ignore_case=False)
    claims = license_signing.token_claims(read, pair["license_public_key"], NOW)
    assert license_fields.apply_claims(read, claims)["Expires"] == "2027-12-27T00:00:00"
    assert license_signing.signature_holds(read, pair["license_public_key"])


@pytest.mark.parametrize(
    ("change", "later", "told"),
    [
        ({"Token": "junk"}, timedelta(0), "IDX12741"),
        ({"Id": "00000000-0000-0000-0000-000000000001"}, timedelta(0), "IDX10214"),
        ({}, timedelta(days=366), "IDX10223"),
        ({}, timedelta(days=-1), "IDX10222"),
    ],
)
def test_a_token_that_does_not_hold(pair, change, later, told):
    with pytest.raises(license_signing.InvalidToken, match=told):
        license_signing.token_claims({**_license(pair), **change}, pair["license_public_key"], NOW + later)


def test_another_key_signs_nothing(pair):
    with pytest.raises(license_signing.InvalidToken, match="IDX10517"):
        license_signing.token_claims(_license(pair), keys.pair()["license_public_key"], NOW)
    assert not license_signing.signature_holds({**_license(pair), "Seats": 5000}, pair["license_public_key"])


def test_names_of_a_file_on_disk_are_read_with_case(pair):
    text = license_fields.write(_license(pair)).replace(b'"Version"', b'"version"')
    assert license_fields.read(text, ignore_case=False)["Version"] == 0
    assert license_fields.read(text, ignore_case=True)["Version"] == 15


@pytest.mark.parametrize("text", [b"", b"<html>", b"{}}", b'{"Seats": "5"}', b'{"Enabled": 1}', b"[]"])
def test_what_is_no_license(text):
    with pytest.raises(ValueError, match=r"."):
        license_fields.read(text, ignore_case=True)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"type": "1"}', {"$.type": "BytePositionInLine: 12."}),
        (b'{\n "type": "1"}', {"$.type": "LineNumber: 1 | BytePositionInLine: 12."}),
        (b"", {"": "A non-empty request body is required."}),
        (b"x", {"$": "'x' is an invalid start of a value."}),
    ],
)
def test_errors_of_a_body_name_the_place(body, told):
    with pytest.raises(ModelError) as error:
        read_model(body, {"type": Member("enum", "Kind")}, "model")
    ((name, text),) = told.items()
    assert text in error.value.errors[name][0]
    assert error.value.errors["model"] == ["The model field is required."]


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("2026-08-20T14:16:19.1234567Z", "2026-08-20T14:16:19.1234567Z"),
        ("2026-08-20T14:16:19.120", "2026-08-20T14:16:19.12"),
        ("yesterday", None),
        ("2026-13-20T14:16:19Z", None),
    ],
)
def test_dates_given_by_clients(given, stored):
    assert clock.stored(given) == stored


def test_the_master_passwords_hash():
    assert (
        master_password_hash("asdfasdf", "test@bitwarden.com", 100000) == "wmyadRMyBZOH7P/a/ucTCbSghKgdzDpPqUnu/DAVtSw="
    )


CONFIG = {"url": "https://bw.example.com", "push_notifications": True}


def test_a_rewrite_is_stable_and_keeps_own_lines():
    once = rewrite(b"a=1\n# note\nb=2\na=3\n", CONFIG)
    assert once.splitlines()[-2:] == [b"a=3", b"b=2"]
    assert rewrite(once, CONFIG) == once


def test_a_rewrite_makes_up_what_is_missing_anew_each_time():
    assert rewrite(b"", CONFIG) != rewrite(b"", CONFIG)


@pytest.mark.parametrize(
    ("push", "line", "kept"),
    [
        (True, b"globalSettings__pushRelayBaseUri=REPLACE\n", None),
        (False, b"", b"REPLACE"),
        (False, b"globalSettings__pushRelayBaseUri=https://push.bitwarden.eu\n", b"https://push.bitwarden.eu"),
    ],
)
def test_the_push_relay_follows_config_yml(push, line, kept):
    lines = rewrite(line, {**CONFIG, "push_notifications": push}).splitlines()
    found = [one.partition(b"=")[2] for one in lines if one.startswith(b"globalSettings__pushRelayBaseUri=")]
    assert found == ([kept] if kept else [])
