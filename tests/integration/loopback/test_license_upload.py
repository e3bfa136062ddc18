# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licenses uploaded to the stand-in server: only where it is needed, never where it does harm, and what it says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api import session
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.auth import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import cloud_license as license_download
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import license as license_upload
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import NotOnHost, OnHost
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import content_of
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.file import License, parse_license
from standin import license_fields, license_signing

from tests.integration.ansible_run import ENVIRONMENTS, ROOT, playbook

from .standin_pair import (
    ADMIN,
    ADMIN_KEY,
    CANARIES,
    FAILED,
    INSTALLATION,
    LICENSE_KEY,
    ORGANIZATION,
    OWNER,
    OWNER_KEY,
    REFUSED,
    Pair,
    answer,
)
from .test_action_plugins import inventory

Task = Callable[..., dict[str, Any]]


def on_disk(pair: Pair) -> OnHost:
    """Return what server_info would say of the server's license file."""
    path = pair.server.license_file
    if path.exists():
        report = parse_license(path.read_bytes(), ORGANIZATION, str(path)).report()
    else:
        report = License(ORGANIZATION, "missing", "There is none.", str(path)).report()
    return OnHost(INSTALLATION, report)


@pytest.fixture
def fresh_license(pair: Pair, cloud_params: dict[str, Any]) -> dict[str, Any]:
    """Return the license as the cloud delivers it now: it expires later than the server's."""
    own = {"installation_id": INSTALLATION, "dest": None}
    text = license_download.perform({**cloud_params, **own}, False)["license"]
    pair.server.control("DELETE", "requests")
    return dict(json.loads(text))


@pytest.fixture
def signed(pair: Pair, fresh_license: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Make licenses signed by the cloud with other fields (PascalCase), ``days`` ago, with or without token."""

    def make(days: float = 0, with_token: bool = True, **members: Any) -> dict[str, Any]:
        license_ = license_fields.read(json.dumps(fresh_license).encode(), ignore_case=True)
        assert license_ is not None
        issued = datetime.now(timezone.utc) - timedelta(days=days)
        text = issued.strftime("%Y-%m-%dT%H:%M:%SZ")
        changed = {**license_, "Issued": text, **members}
        key = pair.keys["license_signing_key"]
        return license_fields.camel(license_signing.sign(changed, key, issued, with_token=with_token))

    return make


@pytest.fixture
def task(pair: Pair, params: dict[str, Any]) -> Task:
    def run(content: Any, check_mode: bool = False, see_host: bool = True, **changed: Any) -> dict[str, Any]:
        given = {**params, "src": None, "content": content, "force": False, "inspect": True, **changed}

        def inspect(_organization: str) -> OnHost | NotOnHost:
            return on_disk(pair) if see_host else NotOnHost("no access")

        try:
            raw = content_of(given, lambda path: Path(path).read_bytes())
            result = license_upload.perform(given, check_mode, raw, inspect)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise
        assert not [canary for canary in CANARIES if canary in repr(result)]
        return result

    return run


def uploads(pair: Pair) -> int:
    return sum(1 for _method, path in pair.writes() if path.startswith("/organizations/licenses/self-hosted"))


def keys(result: dict[str, Any]) -> set[str]:
    return {change["key"] for change in result["changes"]}


@pytest.mark.parametrize("see_host", [True, False], ids=["file", "api"])
def test_newer_is_uploaded_equal_is_not(pair: Pair, task: Task, fresh_license: dict[str, Any], see_host: bool) -> None:
    predicted = task(fresh_license, check_mode=True, see_host=see_host)
    assert uploads(pair) == 0
    done = task(fresh_license, see_host=see_host)
    assert uploads(pair) == 1
    for result in (predicted, done):
        assert (result["changed"], result["reason"]) == (True, "differs")
        assert result["compared"] == ("file" if see_host else "api")
        assert "Expires" in keys(result) and "Expires=2031" in result["diff"]["after"]
        assert result["license"]["after"]["expires"].startswith("2031")
    assert (predicted["uploaded"], done["uploaded"]) == (False, True)
    again = task(fresh_license, see_host=see_host)
    assert (again["changed"], again["reason"], again["changes"]) == (False, "equal", [])
    assert uploads(pair) == 1
    assert bool(again["warnings"]) is not see_host, "said that the file was not looked at"


def test_another_issue_of_the_same_license_is_equal(pair: Pair, task: Task, signed: Callable[..., Any]) -> None:
    task(signed(days=3), force=True)  # it is from before the server's
    assert task(signed())["changed"] is False
    assert task(signed(days=1), see_host=False)["changed"] is False


def test_a_token_that_is_good_for_much_longer_is_worth_it(task: Task, signed: Callable[..., Any]) -> None:
    task(signed(days=100), force=True)
    result = task(signed())
    assert (result["changed"], result["reason"]) == (True, "token")
    assert task(signed())["changed"] is False


@pytest.mark.parametrize("see_host", [True, False])
def test_an_older_license_is_left_alone(pair: Pair, task: Task, signed: Callable[..., Any], see_host: bool) -> None:
    task(signed(Seats=20))
    older = signed(days=10, Seats=5, Expires="2029-12-28T00:00:00Z")
    result = task(older, see_host=see_host)
    assert (result["changed"], result["reason"]) == (False, "older")
    assert "newer" in result["warnings"][-1]
    assert uploads(pair) == 1
    assert task(older, see_host=see_host, force=True)["changed"] is True


@pytest.mark.parametrize(("name", "value", "says"), [
    ("Seats", 20, "organization is disabled"), ("Expires", "2025-12-28T00:00:00Z", "license expired"),
])  # fmt: skip
def test_what_is_wrong_is_said_also_where_nothing_is_uploaded(
    pair: Pair, task: Task, signed: Callable[..., Any], name: str, value: Any, says: str
) -> None:
    task(signed(**{name: value}), force=True)
    if name == "Seats":
        pair.server.control("POST", "organization", {"organization": ORGANIZATION, "enabled": False})
    for check_mode in (True, False):
        result = task(signed(days=10), check_mode=check_mode)
        assert (result["changed"], result["reason"]) == (False, "older")
        assert says in result["warnings"][-1]


@pytest.mark.parametrize(("break_it", "state"), [
    (lambda path: path.unlink(), "missing"),
    (lambda path: path.write_bytes(path.read_bytes()[:-30]), "corrupt"),
    (lambda path: path.write_bytes(path.read_bytes() + b"x"), "corrupt"),
    (lambda path: path.write_bytes(b""), "corrupt"),
    (lambda path: path.write_text(json.dumps({"licenseKey": "x"})), "camel_case"),
], ids=["missing", "cut off", "trailing", "empty", "camel_case"])  # fmt: skip
@pytest.mark.parametrize("see_host", [True, False])
def test_a_broken_file_is_healed(
    pair: Pair, task: Task, signed: Callable[..., Any], break_it: Any, state: str, see_host: bool
) -> None:
    license_ = signed()
    task(license_)
    break_it(pair.server.license_file)
    result = task(license_, see_host=see_host)
    if state == "camel_case" and not see_host:
        assert result["changed"] is True  # the server shows empty dates
    else:
        assert (result["changed"], result["reason"]) == (True, state if see_host else "unknown")
    assert on_disk(pair).file["state"] == "ok"
    assert task(license_, see_host=see_host)["changed"] is False


@pytest.mark.parametrize(("days", "members", "says"), [
    (350, {}, "reject its license file after"),
    (0, {"Expires": (datetime.now(timezone.utc) + timedelta(days=5.5)).strftime("%Y-%m-%dT%H:%M:%SZ")}, "in 5 days."),
    (300, {}, ""),
])  # fmt: skip
def test_a_license_that_ends_soon_is_warned_of(
    task: Task, signed: Callable[..., Any], days: int, members: dict[str, Any], says: str
) -> None:
    license_ = signed(days=days, **members)
    runs = [task(license_, check_mode=True, force=True), task(license_, force=True), task(license_)]
    assert [one["reason"] for one in runs] == ["differs", "differs", "equal"]
    for result in runs:
        assert [says in warning for warning in result["warnings"]] == ([True] if says else [])


@pytest.fixture
def failing(pair: Pair) -> Callable[[], None]:
    """Let every read of the subscription fail, for instance because the database lacks a column."""
    return lambda: answer(pair.server, ".*/subscription", 500, FAILED, method="GET", times=-1)


def test_a_server_that_fails_on_a_good_file_gets_no_second_upload(
    pair: Pair, task: Task, signed: Callable[..., Any], failing: Callable[[], None]
) -> None:
    equal, other = signed(), signed(Seats=20)
    task(equal)
    failing()
    for check_mode in (True, False):
        result = task(equal, check_mode=check_mode)
        assert (result["changed"], result["reason"], uploads(pair)) == (False, "equal", 1)
        assert "although its file" in result["warnings"][0] and "Possible causes" in result["warnings"][0]
    done, again = task(other), task(other)
    assert [(one["changed"], one["reason"]) for one in (done, again)] == [(True, "differs"), (False, "equal")]
    assert uploads(pair) == 2
    for result in (done, again):
        assert sum("although its file" in text for text in result["warnings"]) == 1


def test_what_was_accepted_is_changed_also_where_nothing_shows_it(
    pair: Pair, task: Task, signed: Callable[..., Any], failing: Callable[[], None]
) -> None:
    failing()
    with pytest.raises(ApiError, match="does not show it") as caught:
        task(signed(), see_host=False)
    assert (caught.value.result()["changed"], uploads(pair)) == (True, 1)
    assert "Possible causes" in caught.value.advice


@pytest.mark.parametrize("see_host", [True, False])
def test_a_license_is_not_sent_where_the_server_may_not_read_its_file(
    pair: Pair, task: Task, fresh_license: dict[str, Any], see_host: bool
) -> None:
    answer(pair.server, ".*/subscription", 401, REFUSED, method="GET", times=-1)
    for check_mode in (True, False):
        with pytest.raises(ApiError) as caught:
            task(fresh_license, check_mode=check_mode, see_host=see_host)
        assert caught.value.result()["cause"] == "unreadable"
    assert uploads(pair) == 0


def test_a_file_that_the_services_cannot_read(pair: Pair, task: Task, fresh_license: dict[str, Any]) -> None:
    fault = {"method": "POST", "path": ".*/self-hosted/.*", "status": 401, "headers": {}, "body": json.dumps(
        {"object": "error", "message": "Unauthorized."})}  # fmt: skip
    pair.server.control("POST", "faults", fault)
    with pytest.raises(ApiError, match="Restart the server") as error:
        task(fresh_license)
    assert error.value.result()["cause"] == "unreadable"


PAST, FUTURE = "2025-01-01T00:00:00Z", "2031-01-01T00:00:00Z"


@pytest.mark.parametrize(("members", "more", "cause"), [
    ({"Enabled": False}, {}, "disabled"),
    ({"SelfHost": False}, {}, "not_self_hosted"),
    ({"LicenseType": 0}, {}, "premium"),
    ({"InstallationId": "b4d6f8a0-1c2e-4f30-8a5b-000000000000"}, {}, "installation"),
    ({}, {"days": 400}, "token_expired"),
    ({}, {"days": -2}, "token_not_yet"),
    ({"Version": 17}, {"with_token": False}, "version"),
    ({"Version": 0}, {"with_token": False}, "version"),
    ({"Issued": FUTURE}, {"with_token": False}, "not_issued"),
    ({"Id": "ac5d6e7f-9081-4c23-9e4f-000000000000", "edit": True}, {}, "token_invalid"),
    ({"Expires": PAST}, {"with_token": False}, "expired"),
])  # fmt: skip
def test_what_the_server_would_refuse_is_not_sent(
    pair: Pair, task: Task, signed: Callable[..., Any], members: dict[str, Any], more: dict[str, Any], cause: str
) -> None:
    edited = members.pop("edit", False) or "Version" in members
    license_ = (
        {**signed(**more), **{license_fields.camel_name(name): value for name, value in members.items()}}
        if edited
        else signed(**more, **members)
    )
    for force in (False, True):
        with pytest.raises(ApiError) as error:
            task(license_, force=force)
        assert (error.value.result()["cause"], error.value.layer) == (cause, "license")
        assert error.value.advice
    assert pair.writes() == []


@pytest.mark.parametrize(("members", "cause"), [
    ({"Id": "ac5d6e7f-9081-4c23-9e4f-b2e500f1dfff"}, "other_organization"),
    ({"LicenseKey": "AnotherLicenseKey001"}, "other_organization"),
    ({"Plan": "Families", "PlanType": 22, "Seats": 6}, "lower_plan"),
    ({"Expires": PAST}, "expired"),
])  # fmt: skip
def test_what_would_do_harm_needs_force(
    pair: Pair, task: Task, signed: Callable[..., Any], members: dict[str, Any], cause: str
) -> None:
    with pytest.raises(ApiError) as error:
        task(signed(**members))
    assert error.value.result()["cause"] == cause
    assert pair.writes() == []
    result = task(signed(**members), force=True)
    assert result["changed"] is True and uploads(pair) == 1
    assert "because of force" in result["warnings"][-1]


def break_token(path: Path) -> None:
    license_ = json.loads(path.read_text())
    header, claims, signature = license_["Token"].split(".")
    path.write_text(json.dumps({**license_, "Token": f"{header}.{claims}.{signature[::-1]}"}))


def place_by_hand(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "Seats": 77}))


@pytest.mark.parametrize("see_host", [True, False])
@pytest.mark.parametrize("harm", ["disabled", "token"])
def test_the_servers_word_counts_beside_the_file(
    pair: Pair, task: Task, signed: Callable[..., Any], harm: str, see_host: bool
) -> None:
    """The file is the very license, yet the organization is disabled, or the server does not accept it."""
    license_ = signed()
    task(license_)
    if harm == "disabled":
        pair.server.control("POST", "organization", {"organization": ORGANIZATION, "enabled": False})
    else:
        break_token(pair.server.license_file)
    for check_mode in (True, False):
        result = task(license_, check_mode=check_mode, see_host=see_host)
        assert (result["changed"], result["reason"]) == (True, "differs" if harm == "disabled" else "invalid")
    assert keys(result) == {"Enabled" if harm == "disabled" else "license"}
    assert task(license_, see_host=see_host)["changed"] is False


def test_a_newer_license_that_was_only_put_into_the_folder(pair: Pair, task: Task, signed: Callable[..., Any]) -> None:
    task(signed())
    placed = signed(Seats=77)
    pascal = license_fields.read(json.dumps(placed).encode(), ignore_case=True)
    assert pascal is not None
    pair.server.license_file.write_bytes(license_fields.write(pascal))
    result = task(placed)
    assert (result["changed"], result["changes"]) == (True, [{"key": "Seats", "action": "changed"}])
    assert task(placed)["changed"] is False


def test_a_file_that_is_looked_for_in_the_wrong_place(
    pair: Pair, task: Task, signed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    license_ = signed()
    task(license_)
    missing = OnHost(INSTALLATION, License(ORGANIZATION, "missing", "There is none.", "/elsewhere.json").report())
    monkeypatch.setitem(globals(), "on_disk", lambda _pair: missing)
    result = task(license_)
    assert (result["changed"], result["compared"]) == (False, "api")
    assert "/elsewhere.json (missing)" in result["warnings"][0]


@pytest.mark.parametrize("members", [
    {"Name": "M&#252;ller &amp; S&#246;hne", "BusinessName": "O&#39;Neill"},
    {"AllowAdminAccessToAllCollectionItems": False},
    {"ExpirationWithoutGracePeriod": None},
], ids=["names", "owners setting", "reckoned date"])  # fmt: skip
@pytest.mark.parametrize("with_token", [True, False])
@pytest.mark.parametrize("see_host", [True, False])
def test_what_the_server_makes_of_a_license_is_no_difference(
    pair: Pair, task: Task, signed: Callable[..., Any], members: Any, with_token: bool, see_host: bool
) -> None:
    license_ = signed(with_token=with_token, **members)
    task(license_, force=True)
    own = {"name": "M\u00fcller & S\u00f6hne", "businessName": "O'Neill"} if "Name" in members else {}
    shown = {**own, "allowAdminAccessToAllCollectionItems": True}
    pair.server.control("POST", "organization", {"organization": ORGANIZATION, **shown})
    result = task(license_, see_host=see_host, organization=ORGANIZATION)
    assert (result["changed"], result["reason"]) == (False, "equal"), result["diff"]


def test_an_older_server_that_does_not_keep_all_of_a_license(
    pair: Pair, task: Task, signed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One before 2025 writes no token, and no member that it does not know."""
    license_ = signed(UsePam=True)
    task(license_)
    written = json.loads(pair.server.license_file.read_text())
    kept = {name: value for name, value in written.items() if name not in ("Token", "UsePam", "UseInviteLinks")}
    host = OnHost(INSTALLATION, parse_license(json.dumps(kept).encode(), ORGANIZATION).report())
    monkeypatch.setitem(globals(), "on_disk", lambda _pair: host)
    assert task(license_)["changed"] is False
    other = task(signed(days=0.01, UsePam=True, Seats=12), check_mode=True, force=True)
    assert keys(other) == {"Seats", "UsePam"}, "of another issue all is compared"


def test_whose_it_is_is_known_by_the_connection_where_the_file_is_gone(
    pair: Pair, task: Task, signed: Callable[..., Any]
) -> None:
    pair.server.control("POST", "connections", {"organization": ORGANIZATION, "billing_sync_key": "x"})
    pair.server.license_file.unlink()
    with pytest.raises(ApiError, match="another organization in the cloud"):
        task(signed(Id="ac5d6e7f-9081-4c23-9e4f-b2e500f1dfff"))
    assert task(signed())["reason"] == "missing"


USAGE = [
    ({"collections": 3}, {"MaxCollections": 1}, "collections"),
    ({"groups": 2}, {"UseGroups": False}, "groups"),
    ({"policies": 1}, {"UsePolicies": False}, "policies"),
    ({"sso": True}, {"UseSso": False}, "sso"),
    ({"key_connector": True}, {"UseKeyConnector": False}, "key_connector"),
    ({"scim": True}, {"UseScim": False}, "scim"),
    ({"custom_permissions": True}, {"UseCustomPermissions": False}, "custom_permissions"),
    ({"password_reset": True}, {"UseResetPassword": False}, "password_reset"),
    ({}, {"Seats": 1}, "seats"),
]


@pytest.mark.parametrize(("usage", "members", "cause"), USAGE, ids=[cause for *_rest, cause in USAGE])
def test_what_only_the_server_knows(
    pair: Pair, task: Task, signed: Callable[..., Any], usage: Any, members: dict[str, Any], cause: str
) -> None:
    pair.server.control("POST", "organization", {"organization": ORGANIZATION, "usage": usage})
    before = pair.server.license_file.read_bytes()
    with pytest.raises(ApiError) as error:
        task(signed(**members))
    assert (error.value.result()["cause"], error.value.layer, error.value.status) == (cause, "license", 400)
    assert error.value.text in str(error.value) and error.value.advice
    assert uploads(pair) == 1, "once"
    assert pair.server.license_file.read_bytes() == before


def test_a_changed_license_and_a_broken_signature(pair: Pair, task: Task, signed: Callable[..., Any]) -> None:
    license_ = signed(Seats=11)
    header, claims, signature = license_["token"].split(".")
    broken = {**license_, "token": f"{header}.{claims}.{signature[::-1]}"}
    with pytest.raises(ApiError) as error:
        task(broken)
    assert error.value.result()["cause"] == "token_invalid"
    assert "Keys tried" not in str(error.value)
    tampered = {**signed(with_token=False, Seats=12), "seats": 99}
    with pytest.raises(ApiError) as error:
        task(tampered)
    assert error.value.result()["cause"] == "signature"
    # The token is believed, not the text around it: nothing of it is a difference that an upload would remove.
    assert task({**license_, "seats": 99})["license"]["after"]["seats"] == 11
    assert task({**license_, "seats": 99})["changed"] is False


@pytest.mark.parametrize("see_host", [True, False])
def test_in_use_by_another_organization(pair: Pair, task: Task, signed: Callable[..., Any], see_host: bool) -> None:
    fault = {"method": "POST", "path": ".*/self-hosted/.*", "status": 400, "body": json.dumps(
        {"object": "error", "message": "License is already in use by another organization vault."})}  # fmt: skip
    pair.server.control("POST", "faults", fault)
    with pytest.raises(ApiError) as error:
        task(signed(Seats=30), see_host=see_host)
    assert error.value.result()["cause"] == "in_use"


@pytest.mark.parametrize("members", [{"Seats": 40}, {"UseScim": False}], ids=["seats", "only a feature"])
@pytest.mark.parametrize("see_host", [True, False])
@pytest.mark.parametrize("taken", [True, False])
def test_a_lost_answer_is_looked_after(
    pair: Pair,
    task: Task,
    signed: Callable[..., Any],
    taken: bool,
    see_host: bool,
    members: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    task(signed())
    pair.server.control("DELETE", "requests")
    license_ = signed(**members)
    if taken:
        send = Account.call

        def lose(self: Any, method: str, *arguments: Any, **named: Any) -> Any:
            answer = send(self, method, *arguments, **named)
            if method == "POST":
                raise ApiError("network", "lost", unknown_outcome=True)
            return answer

        monkeypatch.setattr(Account, "call", lose)
        assert task(license_, see_host=see_host)["changed"] is True
    else:
        pair.server.control("POST", "faults", {"method": "POST", "path": ".*/self-hosted/.*", "close": True})
        with pytest.raises(ApiError, match="does not show it"):
            task(license_, see_host=see_host)
    assert uploads(pair) == 1, "never sent twice"


def test_a_lost_answer_of_a_server_that_is_down_then(pair: Pair, task: Task, signed: Callable[..., Any]) -> None:
    license_ = signed(Seats=40)
    pair.server.control("POST", "faults", {"method": "POST", "path": ".*/self-hosted/.*", "close": True})
    down = {"method": "GET", "path": ".*/subscription", "times": -1, "status": 502, "body": "<html>nginx</html>"}
    send = Account.call

    def fall(self: Any, method: str, *arguments: Any, **named: Any) -> Any:
        if method == "POST":
            pair.server.control("POST", "faults", down)
        return send(self, method, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(ApiError, match="may have accepted the license") as error:
        patch.setattr(Account, "call", fall)
        patch.setattr(session, "PATIENCE", 0)
        task(license_, see_host=False)
    assert "upload the license" in error.value.message


def test_not_the_owner(pair: Pair, task: Task, fresh_license: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="owner") as error:
        task(fresh_license, client_id=f"user.{ADMIN}", client_secret=ADMIN_KEY)
    assert (error.value.result()["cause"], error.value.layer) == ("not_owner", "permission")
    assert pair.writes() == []


@pytest.mark.parametrize(("options", "message"), [
    ({"content": None}, "One of src and content"),
    ({"content": "{}", "src": "x"}, "One of src and content"),
])  # fmt: skip
def test_wrong_options(task: Task, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ApiError, match=message):
        task(options.pop("content"), **options)


def test_a_server_that_is_down_in_check_mode(task: Task, fresh_license: dict[str, Any]) -> None:
    down = {"url": "http://127.0.0.1:1"}
    result = task(fresh_license, check_mode=True, assume_ready=True, **down)
    assert (result["changed"], result["reason"]) == (False, "unknown") and result["warnings"]
    with pytest.raises(ApiError):
        task(fresh_license, assume_ready=True, **down)


@pytest.mark.parametrize("core", ENVIRONMENTS)
@pytest.mark.parametrize("place", ["controller", "host"])
def test_as_ansible_runs_it(pair: Pair, tmp_path: Path, fresh_license: dict[str, Any], core: str, place: str) -> None:
    """From a file, and as a text; without access to a deployment the API is compared."""
    source = tmp_path / "license.json"
    source.write_text(json.dumps(fresh_license))
    shared = {"url": "{{ url }}", "client_id": f"user.{OWNER}", "client_secret": "{{ secret }}", "run_on": place}
    tasks = [
        {"selfhosted.bitwarden.license": {"src": str(source)}},
        {"selfhosted.bitwarden.license": {"content": "{{ license }}"}},
        {"selfhosted.bitwarden.license": {"src": "no-such-file.json"}, "ignore_errors": True},
    ]
    defaults = {"group/selfhosted.bitwarden.api": shared}
    play = {"hosts": "all", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}
    values = {"url": pair.server.url, "secret": OWNER_KEY, "license": fresh_license}
    hosts = inventory(tmp_path)
    predicted = playbook([play], "--check", "--diff", "-vvvv", core=core, inventory=hosts, **values).ok()
    assert uploads(pair) == 0
    done = playbook([play], "--diff", "-vvvv", core=core, inventory=hosts, **values).ok()
    assert [one.result.get("changed") for one in done.of("vault", "license")] == [True, False, False]
    assert [one.result.get("changed") for one in predicted.of("vault", "license")] == [True, True, False]
    assert "src cannot be read on the controller" in done.output
    assert "+Expires=2031-12-28T00:00:00Z" in done.output
    secrets = [*CANARIES, LICENSE_KEY, str(fresh_license["token"]), str(fresh_license["signature"])]
    texts = done.output + predicted.output + json.dumps(done.tasks)
    assert not [secret for secret in secrets if secret in texts]


def test_src_is_found_as_copy_finds_its_own(pair: Pair, tmp_path: Path, fresh_license: dict[str, Any]) -> None:
    """In files/ beside the playbook, and decrypted; what an earlier task will bring is not missed in check mode."""
    password = tmp_path / "password"
    password.write_text("secret\n")
    (tmp_path / "files" / "licenses").mkdir(parents=True)
    source = tmp_path / "files" / "licenses" / "vault.json"
    source.write_text(json.dumps(fresh_license))
    vault = ROOT / ".work" / ENVIRONMENTS["newest"] / "bin" / "ansible-vault"
    subprocess.run([vault, "encrypt", "--vault-password-file", password, source], check=True, capture_output=True)
    options = {"url": "{{ url }}", "client_id": f"user.{OWNER}", "client_secret": "{{ secret }}", "inspect": False}
    tasks = [
        {"selfhosted.bitwarden.license": {**options, "src": name}, "ignore_errors": True}
        for name in ("licenses/vault.json", "licenses/to-come.json")
    ]
    play = tmp_path / "play.yml"
    play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
    values = {"url": pair.server.url, "secret": OWNER_KEY}
    hosts, with_password = inventory(tmp_path), ("--vault-password-file", str(password))
    predicted = playbook(str(play), "--check", *with_password, inventory=hosts, **values)
    done = playbook(str(play), *with_password, inventory=hosts, **values)
    assert [one.result.get("reason") for one in predicted.of("vault", "license")] == ["differs", "unknown"]
    assert [one.status for one in done.of("vault", "license")] == ["ok", "failed"]
    assert "to-come.json" in predicted.output and uploads(pair) == 1
