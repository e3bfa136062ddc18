# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module organization against the stand-in server: one session, few requests, steps in order, facts afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import REQUEST, ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync,
    cloud_license,
    license_sync,
    organization,
    organization_info,
    organization_steps,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import MissingFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.file import License, parse_license

from .standin_pair import CANARIES, EXPIRES, INSTALLATION, ORGANIZATION, OWNER, TOKEN, WRONG_TOKEN, Pair, answer

Task = Callable[..., dict[str, Any]]
LIST = ("GET", "/organizations")
CONNECTION = ("GET", f"/organizations/connections/{ORGANIZATION}/1")
SUBSCRIPTION = ("GET", f"/organizations/{ORGANIZATION}/subscription")
SYNC_STATUS = ("GET", f"/organization/sponsorship/{ORGANIZATION}/sync-status")
SPONSORED = ("GET", f"/organization/sponsorship/self-hosted/{ORGANIZATION}/sponsored")
UPLOAD = f"/organizations/licenses/self-hosted/{ORGANIZATION}"


class FakeHost:
    """The server's host: its license file is the stand-in's, its log what the test says. ``asked``: the modules."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[dict[str, Any]] = []
        self.reachable = True

    def read(self, module: str, options: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((module, dict(options)))
        if not self.reachable:
            return {"failed": True, "msg": "no access"}
        if module == "sync_log_info":
            kind = options.get("kind")
            return {"failures": [one for one in self.failures if kind in (None, one["kind"])]}
        path = self.pair.server.license_file
        if path.exists():
            report = parse_license(path.read_bytes(), ORGANIZATION, str(path)).report()
        else:
            report = License(ORGANIZATION, "missing", "There is none.", str(path)).report()
        return {"installation_id": INSTALLATION, "licenses": [report]}


@pytest.fixture
def host(pair: Pair) -> FakeHost:
    return FakeHost(pair)


@pytest.fixture
def options(params: dict[str, Any]) -> dict[str, Any]:
    """Return all options as Ansible hands them over, nothing asked for."""
    return {
        **params,
        "license": None,
        "billing_sync_token": None,
        "enabled": True,
        "keep_last_sync": True,
        "license_max_age": None,
        "force": False,
        "sponsorships_max_age": "26h",
        "wait_timeout": "0s",
        "retry_timeout": "0s",
        "egress": "",
        "syncs_per_minute": 0,
        "steps": ["license", "token", "sync"],
        "defer_without_license": False,
        "bwdata": "/opt/bitwarden/bwdata",
    }


@pytest.fixture
def task(options: dict[str, Any], host: FakeHost) -> Task:
    def read_file(path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except FileNotFoundError:
            raise MissingFile(REQUEST, "src cannot be read.") from None

    def run(check_mode: bool = False, **changed: Any) -> dict[str, Any]:
        tools = organization_steps.Tools(host.read, read_file)
        try:
            result = organization.perform({**options, **changed}, check_mode, tools)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise
        assert not [canary for canary in CANARIES if canary in repr(result)]
        return result

    return run


WANTED: dict[str, Any] = {"billing_sync_token": TOKEN, "license_max_age": "7d"}


@pytest.fixture
def configured(pair: Pair, task: Task) -> None:
    """Give the server token and license, and let nothing be asked yet."""
    task(**WANTED)
    pair.server.control("DELETE", "requests")


@pytest.fixture
def fresh_license(pair: Pair, cloud_params: dict[str, Any]) -> dict[str, Any]:
    """Return the license as the cloud delivers it now: it expires later than the server's."""
    text = cloud_license.perform({**cloud_params, "installation_id": INSTALLATION, "dest": None}, False)["license"]
    pair.server.control("DELETE", "requests")
    return dict(json.loads(text))


def failure(run: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        run()
    return caught.value.result()


def requests_of(pair: Pair) -> list[tuple[str, str]]:
    return [(one["method"], one["path"]) for one in pair.server.control("GET", "requests")]


def reads(pair: Pair) -> list[tuple[str, str]]:
    return [one for one in requests_of(pair) if one[0] == "GET"]


def logins(pair: Pair) -> int:
    return sum(path.endswith("/connect/token") for _method, path in requests_of(pair))


def changes(result: Mapping[str, Any]) -> dict[str, str]:
    return {one["key"]: one["action"] for one in result["changes"]}


def age(pair: Pair, days: float | None) -> None:
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": days})


def give(pair: Pair, *sponsorships: dict[str, Any], by_admins: bool = True, connection: bool = True) -> None:
    """Let the server have these sponsorships, the token and a recent license sync."""
    content = pair._server_seed()
    defaults = {"user": OWNER, "email": "f@example.org", "friendly_name": "Home", "admin_initiated": by_admins}
    content["organizations"][0]["sponsorships"] = [{**defaults, **one} for one in sponsorships]
    content["organizations"][0]["abilities"] = {"useAdminSponsoredFamilies": by_admins}
    pair.server.plant(content)
    if connection:
        body = {"organization": ORGANIZATION, "billing_sync_key": TOKEN, "enabled": True}
        pair.server.control("POST", "connections", body)
        age(pair, 1)
    pair.server.control("DELETE", "requests")


def hours_ago(hours: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


# What an unchanged run costs.


def test_an_unchanged_run_logs_in_once_and_reads_four_times(
    pair: Pair, task: Task, host: FakeHost, configured: None
) -> None:
    result = task(**WANTED)
    assert (result["changed"], result["changes"]) == (False, [])
    assert (logins(pair), reads(pair)) == (1, [LIST, CONNECTION, SUBSCRIPTION, SYNC_STATUS])
    assert len(requests_of(pair)) == 5
    assert host.asked == []


def test_an_unchanged_run_with_sponsorships_of_admins_reads_their_list_instead(
    pair: Pair, task: Task, host: FakeHost
) -> None:
    give(pair, {"last_sync": hours_ago(2)})
    task(**WANTED)  # The first contact looks for the kind of server, too.
    pair.server.control("DELETE", "requests")
    result = task(**WANTED)
    assert (logins(pair), reads(pair)) == (1, [LIST, CONNECTION, SUBSCRIPTION, SPONSORED])
    assert result["sponsorships"]["visible"] == 1
    assert result["sponsorships"]["overdue"] is False
    assert host.asked == []


def test_check_mode_reads_the_same(pair: Pair, task: Task, configured: None) -> None:
    assert task(check_mode=True, **WANTED)["changed"] is False
    assert (logins(pair), len(requests_of(pair))) == (1, 5)


@pytest.mark.parametrize("sponsored", [
    [], [{"last_sync": "recently"}], [{"last_sync": "long ago"}], [{}], [{"last_sync": "recently"}, {}],
])  # fmt: skip
@pytest.mark.parametrize("by_admins", [True, False])
def test_the_facts_are_those_of_organization_info(
    pair: Pair, params: dict[str, Any], task: Task, sponsored: list[dict[str, Any]], by_admins: bool
) -> None:
    times = {"recently": hours_ago(2), "long ago": hours_ago(50)}
    rows = [{name: times[value] for name, value in one.items()} for one in sponsored]
    give(pair, *rows, by_admins=by_admins)
    result = task()
    info = organization_info.perform({**params, "wait_timeout": "0s", "sponsorships_max_age": "26h"}, False)
    for name in ("server_time", "last_license_sync_age"):
        result.pop(name), info.pop(name)
    for name in ("version", "cloud_communication"):  # read only when needed
        assert result[name] in (None, info.pop(name))
        del result[name]
    if result["sponsorships"]:
        assert result["sponsorships"].pop("failure") is None
    assert {name: result[name] for name in info} == info


def test_the_age_goes_by_the_servers_clock(pair: Pair, task: Task, configured: None) -> None:
    pair.server.control("POST", "clock", {"shift": 8 * 86400})
    result = task(check_mode=True, **WANTED)
    assert result["license_sync"]["due"] == "age"
    assert result["last_license_sync_age"] > 7 * 86400


# The steps.


def test_from_nothing_predicted_done_and_done_again(pair: Pair, task: Task, host: FakeHost) -> None:
    predicted = task(check_mode=True, **WANTED)
    assert pair.writes() == []
    done = task(**WANTED)
    assert logins(pair) == 2  # one of each run
    expected = {"enabled": "added", "billing_sync_token": "added", "last_license_sync": "changed"}
    assert changes(predicted) == changes(done) == expected
    assert predicted["changed"] is done["changed"] is True
    assert "last_license_sync=now" in predicted["diff"]["after"]
    assert predicted["license_sync"] == {"due": "never", "synced": False, "attempts": 0, "cause": None}
    assert done["license_sync"] == {"due": "never", "synced": True, "attempts": 1, "cause": None}
    assert done["last_license_sync"] == done["connection"]["last_license_sync"] is not None
    assert done["license"]["expires"] == EXPIRES
    assert "license_expires=2031-12-28T00:00:00Z" in done["diff"]["after"]
    assert (done["version"], done["cloud_communication"]) == ("2026.8.0", True)
    again = task(**WANTED)
    assert (again["changed"], again["changes"], again["diff"]["after"]) == (False, [], "")
    assert host.asked == []


def test_license_then_token_then_sync(pair: Pair, task: Task, host: FakeHost, fresh_license: dict[str, Any]) -> None:
    pair.server.license_file.unlink()
    given = {**WANTED, "license": {"src": None, "content": fresh_license}}
    predicted = task(check_mode=True, **given)
    assert (pair.writes(), predicted["warnings"]) == ([], [])
    assert predicted["license"]["state"] == "ok"
    result = task(**given)
    assert changes(predicted) == changes(result)
    assert changes(result)["license"] == "changed"
    assert [path for _method, path in pair.writes()] == [UPLOAD, "/organizations/connections", f"{UPLOAD}/sync"]
    assert result["license_upload"]["uploaded"] is True
    assert result["license_upload"]["reason"] == "missing"
    assert result["license_upload"]["before"] is None
    assert [module for module, _options in host.asked] == ["server_info", "server_info"]
    again = task(**given)
    assert (again["changed"], again["license_upload"]["reason"]) == (False, "equal")


def test_a_license_of_a_file(pair: Pair, task: Task, fresh_license: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "license.json"
    given = {"license": {"src": str(path), "content": None}}
    missing = task(check_mode=True, **given)
    assert missing["changed"] is False
    assert "Whether the license would be uploaded is not known" in missing["warnings"][0]
    error = failure(lambda: task(**given))
    assert (error["step"], error["changed"]) == ("license", False)
    path.write_text(json.dumps(fresh_license))
    result = task(**given)
    assert changes(result) == {"license": "changed"}
    assert "license.Expires=2031-12-28T00:00:00Z" in result["diff"]["after"]
    assert result["license"]["expires"] == EXPIRES
    assert result["license_sync"] is None


def test_a_changed_token_is_proven_at_once(pair: Pair, task: Task) -> None:
    give(pair)
    old = task(billing_sync_token=WRONG_TOKEN)
    assert (changes(old), old["license_sync"]) == (
        {"billing_sync_token": "changed", "last_license_sync": "changed"},
        None,
    )
    result = task(**WANTED)
    assert changes(result) == {"billing_sync_token": "changed", "last_license_sync": "changed"}
    assert result["license_sync"]["synced"] is True


@pytest.mark.parametrize(("days", "more", "due"), [
    (6, {}, None), (8, {}, "age"), (1, {"force": True}, "forced"), (-1, {}, "future"),
    (1, {"license_max_age": "12h"}, "age"),
    (8, {"license_max_age": None}, None), (8, {"steps": ["license", "token"]}, None), (8, {"enabled": False}, None),
])  # fmt: skip
def test_when_a_sync_is_due(pair: Pair, task: Task, days: float, more: dict[str, Any], due: str | None) -> None:
    give(pair)
    age(pair, days)
    predicted = task(check_mode=True, **{**WANTED, **more})
    assert pair.writes()[1:] == []
    result = task(**{**WANTED, **more})
    for one in (predicted, result):
        assert ((one["license_sync"] or {}).get("due")) == due
        assert ("last_license_sync" in changes(one)) is (due is not None)
    assert changes(predicted) == changes(result)
    assert any(path.endswith("/sync") for _method, path in pair.writes()) is (due is not None)


def test_only_the_steps_that_are_selected_act(pair: Pair, task: Task, fresh_license: dict[str, Any]) -> None:
    given = {**WANTED, "license": {"src": None, "content": fresh_license}}
    assert task(steps=[], **given)["changed"] is False
    assert pair.writes() == []
    assert set(changes(task(steps=["license"], **given))) == {"license"}
    assert set(changes(task(steps=["token"], **given))) == {"enabled", "billing_sync_token"}
    assert set(changes(task(steps=["sync"], **given))) == {"last_license_sync"}


def test_disabling_keeps_the_token(pair: Pair, task: Task, configured: None) -> None:
    result = task(enabled=False, **WANTED)
    assert changes(result) == {"enabled": "changed"}
    assert (result["connection"]["enabled"], result["connection"]["billing_sync_token_set"]) == (False, True)
    assert result["last_license_sync"] is not None


def test_a_moved_region_sets_the_date_back_and_syncs(pair: Pair, task: Task) -> None:
    give(pair)
    result = task(keep_last_sync=False, force=True, **WANTED)
    assert changes(result) == {"last_license_sync": "changed"}
    assert result["license_sync"]["synced"] is True


# A license first.


@pytest.mark.parametrize(("kind", "required"), [("never", True), ("missing", True), ("expired", True), ("fine", False)])
def test_without_a_license_to_start_from_nothing_is_changed(
    pair: Pair, task: Task, fresh_license: dict[str, Any], kind: str, required: bool
) -> None:
    give(pair, connection=kind != "never")
    if kind == "missing":
        pair.server.license_file.unlink()
    if kind == "expired":
        pair.server.control("POST", "clock", {"shift": 3000 * 86400})
    for check_mode in (True, False):
        result = task(check_mode=check_mode, defer_without_license=True, billing_sync_token=WRONG_TOKEN)
        assert result["license_required"] is required
        assert result["changed"] is not required
    written = pair.writes()
    assert bool(written) is not required
    assert task(steps=["token"], defer_without_license=True)["license_required"] is False
    if kind == "missing":
        license_ = {"src": None, "content": fresh_license}
        assert task(defer_without_license=True, license=license_)["license_required"] is False


# Failures.


def test_a_failing_step_leaves_what_was_done_and_the_facts(pair: Pair, task: Task, host: FakeHost) -> None:
    known = {"kind": "license", "time": "2026-11-22T10:00:00Z", "cause": "billing_sync_token", "message": "Wrong."}
    host.failures = [known]
    error = failure(lambda: task(billing_sync_token=WRONG_TOKEN, license_max_age="7d"))
    assert (error["step"], error["cause"], error["attempts"]) == ("sync", "billing_sync_token", 1)
    assert error["changed"] is True
    assert changes(error) == dict.fromkeys(("enabled", "billing_sync_token"), "added")
    assert error["license_sync"] == {"due": "never", "synced": False, "attempts": 1, "cause": "billing_sync_token"}
    assert error["connection"]["billing_sync_token_set"] is True
    assert error["organization"]["id"] == ORGANIZATION
    assert [module for module, _options in host.asked] == ["sync_log_info"]


def test_a_bad_token_changes_nothing(pair: Pair, task: Task, fresh_license: dict[str, Any]) -> None:
    license_ = {"src": None, "content": fresh_license}
    error = failure(lambda: task(billing_sync_token=" ", license=license_))
    assert (error["step"], error["changed"], pair.writes()) == ("token", False, [])
    assert error["license"]["state"] == "ok"


def test_a_license_that_is_refused(pair: Pair, task: Task, fresh_license: dict[str, Any]) -> None:
    other = {**fresh_license, "installationId": OWNER, "token": None}
    error = failure(lambda: task(license={"src": None, "content": other}, **WANTED))
    assert (error["step"], error["cause"], error["changed"]) == ("license", "installation", False)
    assert pair.writes() == []


def test_a_precondition_of_the_sync(pair: Pair, task: Task) -> None:
    error = failure(lambda: task(license_max_age="7d"))
    assert (error["step"], error["cause"], error["license_sync"]["cause"]) == ("sync", "no_connection", "no_connection")
    assert failure(lambda: task(check_mode=True, license_max_age="7d"))["cause"] == "no_connection"
    assert changes(task(check_mode=True, assume_ready=True, license_max_age="7d")) == {"last_license_sync": "changed"}


def test_an_account_that_is_no_owner(task: Task) -> None:
    error = failure(lambda: task(organization="Nobody", **WANTED))
    assert (error["step"], error["layer"]) == ("read", REQUEST)


def test_an_old_server_gets_no_token(pair: Pair, task: Task) -> None:
    answer(pair.server, "/version", 200, '"2023.1.1"', service="any", method="GET", times=-1)
    assert "this needs 2023.2.0 or later" in failure(lambda: task(**WANTED))["msg"]
    assert pair.writes() == []


def test_a_server_that_does_not_answer(pair: Pair, task: Task) -> None:
    down = {"service": "any", "method": "ANY", "path": ".*", "status": 502, "body": "<html>nginx</html>", "times": -1}
    pair.server.control("POST", "faults", down)
    assert failure(lambda: task(**WANTED))["step"] == "read"
    result = task(check_mode=True, assume_ready=True, **WANTED)
    assert (result["reachable"], result["changed"], result["license_required"]) == (False, True, False)
    assert "Nothing is known about the organization" in result["warnings"][0]
    assert task(check_mode=True, assume_ready=True)["changed"] is False


def test_waiting_for_a_server_that_starts(pair: Pair, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    down = {"service": "any", "method": "ANY", "path": ".*", "status": 502, "body": "<html>nginx</html>", "times": 6}
    pair.server.control("POST", "faults", down)
    assert task(wait_timeout="60s")["reachable"] is True


def test_a_token_that_is_not_saved_for_a_corrupt_license(pair: Pair, task: Task, host: FakeHost) -> None:
    """The API has the same response to much else; the file on the host decides."""
    pair.server.license_file.write_bytes(pair.server.license_file.read_bytes() + b"x")
    error = failure(lambda: task(billing_sync_token=TOKEN))
    assert (error["step"], error["layer"], error["changed"]) == ("token", "license", False)
    assert "is corrupt: There is text after the license." in error["msg"]
    host.reachable = False
    error = failure(lambda: task(billing_sync_token=TOKEN))
    assert (error["layer"], "Possible causes" in error["msg"]) == ("server", True)


def test_a_good_license_that_the_server_fails_to_read_is_warned_of_once(
    pair: Pair, task: Task, fresh_license: dict[str, Any]
) -> None:
    fault = {"method": "GET", "path": ".*/subscription", "status": 500, "body": "", "times": -1}
    pair.server.control("POST", "faults", fault)
    for check_mode, reason in ((True, "differs"), (False, "differs"), (True, "equal"), (False, "equal")):
        result = task(check_mode, license={"content": fresh_license})
        assert result["license_upload"]["reason"] == reason
        assert sum("although its file" in text for text in result["warnings"]) == 1


# What the host is asked for.


@pytest.mark.parametrize("sponsored", [{"last_sync": "long ago"}, {}], ids=["overdue", "never"])
def test_why_sponsorships_are_not_synced(pair: Pair, task: Task, host: FakeHost, sponsored: dict[str, Any]) -> None:
    give(pair, {name: hours_ago(50) for name in sponsored})
    old = {"kind": "sponsorship", "time": "2026-11-21T10:00:00Z", "cause": "cloud_error", "message": "Old."}
    new = {**old, "time": "2026-11-22T10:00:00Z", "cause": "rate_limit", "message": "New.", "advice": "Wait."}
    host.failures = [{**new, "transient": True}, {**old, "transient": False}]
    result = task(**WANTED)
    assert result["sponsorships"]["failure"] == {
        "time": "2026-11-22T10:00:00Z", "cause": "rate_limit", "message": "New.", "advice": "Wait.", "transient": True,
    }  # fmt: skip
    assert result["cloud_communication"] is True
    assert [module for module, _options in host.asked] == ["sync_log_info"]
    host.reachable = False
    assert task(**WANTED)["sponsorships"]["failure"] is None


def test_the_host_reads_the_log_of_the_given_folder(pair: Pair, task: Task, host: FakeHost) -> None:
    give(pair, {})
    task(bwdata="/home/bitwarden/bwdata")
    ((_module, asked),) = host.asked
    assert asked == {"bwdata": "/home/bitwarden/bwdata", "organization": ORGANIZATION, "kind": "sponsorship"}


def test_the_same_state_as_the_modules_one_by_one(pair: Pair, params: dict[str, Any], task: Task) -> None:
    own = {"state": "present", "enabled": True, "keep_last_sync": True}
    billing_sync.perform({**params, **own, "billing_sync_token": TOKEN}, False)
    more = {"max_age": "7d", "force": False, "retry_timeout": "0s", "diagnose": False, "bwdata": "/x"}
    license_sync.perform({**params, **more}, False)
    assert task(**WANTED)["changed"] is False
