# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licenses as texts: what is read of them, how two are compared, and hundreds of texts that are none."""

from __future__ import annotations

import base64
import json
from typing import Any, Iterator

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_upload
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.document import LARGEST, parse_license_text
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.fields import FIELDS, differences
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.problems import LicenseError

ID = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"
CLAIMS = {
    "LicenseType": "Organization", "Id": ID, "Enabled": "True", "PlanType": "20", "UseSso": "True", "SelfHost": "True",
    "Issued": "11/23/2026 00:06:19", "Expires": "12/28/2027 00:00:00", "Name": "Example Enterprise", "Seats": "10",
    "Plan": "Enterprise (Annually)", "LicenseKey": "EntLicenseKey0000001",
    "InstallationId": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b", "nbf": 1795392379, "exp": 1826928379, "iss": "bitwarden",
    "aud": f"organization:{ID}",
}  # fmt: skip


def token(claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{body}.c2lnbmF0dXJl"


LICENSE: dict[str, Any] = {
    "LicenseKey": "EntLicenseKey0000001", "InstallationId": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b", "Id": ID,
    "Name": "Example Enterprise", "BillingEmail": "owner@example.com", "BusinessName": None, "Enabled": True,
    "Plan": "Enterprise (Annually)", "PlanType": 20, "Seats": 10, "MaxCollections": None, "UseSso": True,
    "SelfHost": True, "Version": 15, "Issued": "2026-11-23T00:06:19Z", "Refresh": None,
    "Expires": "2027-12-28T00:00:00Z", "ExpirationWithoutGracePeriod": None, "LicenseType": 1, "Hash": "aGFzaA==",
    "Signature": "c2lnbmF0dXJl", "Token": token(CLAIMS),
}  # fmt: skip
TEXT = json.dumps(LICENSE, indent=2)


def camel(members: dict[str, Any]) -> dict[str, Any]:
    return {name[0].lower() + name[1:]: value for name, value in members.items()}


def changed(**members: Any) -> bytes:
    return json.dumps({**LICENSE, **members}).encode()


@pytest.mark.parametrize("content", [
    TEXT, TEXT.encode(), b"\xef\xbb\xbf" + TEXT.encode(), f"\n  {TEXT}\n\n", json.dumps(camel(LICENSE)),
    json.dumps({name.upper(): value for name, value in LICENSE.items()}),
    json.dumps({**LICENSE, "SomethingNew": {"of": ["a", "later", "cloud"]}}),
], ids=["text", "bytes", "byte-order mark", "blanks", "camel case", "capitals", "unknown member"])  # fmt: skip
def test_the_same_license_in_every_form(content):
    license_ = parse_license_text(content)
    assert not differences(license_.fields, parse_license_text(TEXT).fields)
    assert license_.fields["Expires"] == "2027-12-28T00:00:00Z"
    assert (license_.fields["Seats"], license_.fields["UseSso"]) == (10, True)
    assert "EntLicenseKey0000001" not in json.dumps(license_.shown())


def test_the_token_is_believed_and_not_the_text_around_it():
    license_ = parse_license_text(changed(Seats=99, Expires="2099-01-01T00:00:00Z", UseSso=False, MaxCollections=5))
    assert (license_.fields["Seats"], license_.fields["UseSso"], license_.fields["MaxCollections"]) == (
        10,
        True,
        None,
    )
    assert license_.fields["Expires"] == "2027-12-28T00:00:00Z"
    assert parse_license_text(changed(Seats=99, Token=None)).fields["Seats"] == 99
    # What has no claim a server sets back, too.
    edited = parse_license_text(changed(UsePam=True, BusinessName="Edited", Refresh="2099-01-01T00:00:00Z")).fields
    assert (edited["UsePam"], edited["BusinessName"], edited["Refresh"]) == (False, None, None)
    # By the id the server tells whether the token belongs to the license, so an edited one is left to be found.
    assert parse_license_text(changed(Id="ac5d6e7f-0000-4c23-9e4f-b2e500f1d003")).fields["Id"] != ID


@pytest.mark.parametrize(("members", "names"), [
    ({}, []),
    ({"Hash": "x", "Signature": "eA==", "Issued": "2027-01-01T00:00:00Z", "Refresh": "2027-01-01T00:00:00Z"}, []),
    ({"Expires": "2027-12-28T00:00:00"}, []),
    ({"Expires": "2027-12-28T00:00:00.0000000+00:00"}, []),
    ({"UsePam": False}, []),
    ({"Seats": 11}, ["Seats"]),
    ({"Seats": None, "UseSso": False}, ["Seats", "UseSso"]),
    ({"LicenseKey": "Another"}, ["LicenseKey"]),
    ({"UsePam": True}, ["UsePam"]),
    # A license from before there were these allows it.
    ({"LimitCollectionCreationDeletion": True, "AllowAdminAccessToAllCollectionItems": True}, []),
    ({"LimitCollectionCreationDeletion": False}, ["LimitCollectionCreationDeletion"]),
    ({"InstallationId": "B4D6F8A0-1C2E-4F30-8A5B-6C7D8E9F0A1B", "Id": ID.upper()}, []),
    ({"Name": "Example&#32;Enterprise"}, []),
])  # fmt: skip
def test_differences(members, names):
    before = parse_license_text(changed(Token=None))
    after = parse_license_text(changed(Token=None, **members))
    assert [name for name, _before, _after in differences(before.fields, after.fields)] == names


NOT_TEXTS = (5, 1.5, True, [], {}, ["x"])
NOT_NUMBERS = ("10", 1.5, True, [], {})
NOT_FLAGS = ("true", 1, 0, [], {})
NOT_DATES = (5, True, "soon", "2027-13-45T00:00:00Z", "12/28/2027", [], {})


Broken = Iterator[tuple[str, bytes, str]]


def broken_texts() -> Broken:
    """Yield name, content and cause of what is not a whole JSON object."""
    raw = TEXT.encode()
    for length in range(0, len(raw), max(1, len(raw) // 60)):
        yield f"cut off at {length}", raw[:length], "empty" if not length else "not_json"
    for tail in (b"x", b"}", b"]", b"\0", b'{"a": 1}', b"// comment", b", ", raw, "\u00a0x".encode(),
                 "\u00a0".encode(), b"\x0c"):  # fmt: skip
        yield f"followed by {tail[:10]!r}", raw + tail, "trailing"
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32"):
        yield encoding, TEXT.encode(encoding), "" if encoding.startswith("utf-16-") else "encoding"
    yield "latin-1", json.dumps({**LICENSE, "Name": "Exämple"}, ensure_ascii=False).encode("latin-1"), "encoding"
    for blank in (b"", b" ", b"\n\n", b"\xef\xbb\xbf", b"\t \r\n"):
        yield f"blank {blank!r}", blank, "empty"
    for other in (b"null", b"true", b"0", b'"license"', b"[]", b"[1, 2]", b"{}", b'{"a": 1}', b"[" + raw + b"]"):
        yield f"JSON {other[:8]!r}", other, "not_a_license"
    for junk in (b"license", b"<html></html>", b"{'LicenseKey': 'x'}", b"LicenseKey: x", b"{", b"}", b"\0\0", b"NaN",
                 b'{"LicenseKey": NaN}', b"{]", b"[" * 100_000, b'{"a":' * 9_000):  # fmt: skip
        yield f"junk {junk[:8]!r}", junk, "" if len(junk) > 1_000 else "not_json"
    yield "too large", raw + b" " * LARGEST, "too_large"
    yield "far too large", b"x" * 1_000_000, "too_large"


def broken_members() -> Broken:
    """Yield the same for fields that are missing or of another kind."""
    for name in ("LicenseKey", "InstallationId", "Id", "Name"):
        yield f"without {name}", json.dumps({**LICENSE, name: None, "Token": None}).encode(), "not_a_license"
        yield f"blank {name}", json.dumps({**LICENSE, name: "", "Token": None}).encode(), "not_a_license"
        yield f"no {name}", json.dumps({k: v for k, v in LICENSE.items() if k not in (name, "Token")}).encode(), (
            "not_a_license")  # fmt: skip
    for name in ("LicenseKey", "InstallationId", "Id", "Name", "Plan", "Hash", "Token", "BillingEmail"):
        for value in NOT_TEXTS:
            yield f"{name} {value!r}", changed(**{name: value}), "not_a_license"
    for name in ("PlanType", "Seats", "Version", "LicenseType"):
        for value in NOT_NUMBERS:
            yield f"{name} {value!r}", changed(**{name: value}), "not_a_license"
    for name in ("Enabled", "UseSso", "SelfHost"):
        for value in NOT_FLAGS:
            yield f"{name} {value!r}", changed(**{name: value}), "not_a_license"
    for name in ("Issued", "Expires", "ExpirationWithoutGracePeriod"):
        for value in NOT_DATES:
            yield f"{name} {value!r}", changed(**{name: value}), "not_a_license"


def broken_tokens_and_others() -> Broken:
    """Yield the same for tokens that cannot be read, and licenses of people."""
    for bad in ("x", "a.b", "a.b.c.d", "a.!!!.c", "..", f"a.{base64.b64encode(b'[]').decode()}.c", "a.bm8ganNvbg.c",
                token([]), token("x"), token(None)):  # fmt: skip
        yield f"token {bad[:12]}", changed(Token=bad), "token_invalid"
    person = {"LicenseKey": "x", "Id": ID, "Name": "Somebody", "Email": "a@example.com", "Premium": True, "Version": 1,
              "LicenseType": 0}  # fmt: skip
    yield "a person's", json.dumps(person).encode(), "premium"
    yield "a person's, camelCase", json.dumps(camel(person)).encode(), "premium"
    yield "a person's, older", json.dumps({k: v for k, v in person.items() if k != "LicenseType"}).encode(), "premium"


BROKEN = [*broken_texts(), *broken_members(), *broken_tokens_and_others()]


def test_there_are_enough_of_them():
    assert len(BROKEN) >= 200
    assert len({content for _name, content, _cause in BROKEN}) >= 200


@pytest.mark.parametrize(("content", "cause"), [one[1:] for one in BROKEN], ids=[one[0] for one in BROKEN])
def test_a_broken_license_is_named_before_anything_is_asked(content, cause):
    with pytest.raises(LicenseError) as caught:
        parse_license_text(content)
    assert caught.value.problem.message and caught.value.problem.advice
    assert not cause or caught.value.problem.cause == cause
    assert "EntLicenseKey" not in caught.value.problem.message
    # No option of the API is even read: nothing was sent.
    with pytest.raises(ApiError) as refused:
        license_upload.perform({}, False, content, None)
    assert (refused.value.layer, refused.value.result()["cause"]) == ("license", caught.value.problem.cause)


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, 0, -1, 2**70, "", "x" * 3000, "\ud800", [], {"a": {}}, True, "2027-01-01"])
def test_no_member_makes_it_stumble(name, value):
    """Whatever a member is: a license or a named problem, never anything else."""
    try:
        text = json.dumps({**LICENSE, name: value})
        parse_license_text(text.encode("utf-8", "surrogatepass"))
    except LicenseError as error:
        assert error.problem.message


@pytest.mark.parametrize("claims", [
    {}, {"Seats": 5}, {"Seats": "many"}, {"Expires": "soon"}, {"Enabled": "maybe"}, {"exp": "soon"}, {"exp": 2**80},
    {"exp": True}, {"PlanType": None}, {"Id": {}}, {"LicenseType": "Robot"}, {"Seats": "--5"}, {"Seats": "\u00b2"},
    {"Seats": "5" * 5000}, {"Seats": "\u0665"},
])  # fmt: skip
def test_odd_claims_are_left_aside(claims):
    license_ = parse_license_text(changed(Token=token({"iss": "bitwarden", **claims})))
    assert license_.fields["Id"] == ID
    assert license_.token_expires is None
