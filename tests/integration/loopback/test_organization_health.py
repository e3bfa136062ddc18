# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An organization that is disabled, or whose license ends or is broken: synced where that mends it, shown otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Union

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    license_sync,
    organization,
    organization_info,
    organization_steps,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import inspection_by
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.status import summarize

from .standin_pair import CLOUD_ORGANIZATION, FAILED, ORGANIZATION, REFUSED, TOKEN, Pair, answer
from .test_organization import FakeHost

Run = Callable[..., dict[str, Any]]
Break = Callable[[Pair], Any]
SUBSCRIPTION = f"/organizations/{ORGANIZATION}/subscription"


def days(number: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(days=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def prepare(pair: Pair, expires: str = "2030-12-27T00:00:00Z", synced: float = 3) -> None:
    """Let the server have a token and a license, synced so many days ago."""
    content = pair._server_seed()
    content["organizations"][0]["license"] = {"expires": expires}
    pair.server.plant(content)
    body = {"organization": ORGANIZATION, "billing_sync_key": TOKEN, "enabled": True}
    pair.server.control("POST", "connections", body)
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": synced})
    pair.server.control("DELETE", "requests")


def disable(pair: Pair) -> None:
    pair.server.control("POST", "organization", {"organization": ORGANIZATION, "enabled": False})


def ending(number: float) -> Break:
    return lambda pair: prepare(pair, days(number))


def file_with(change: Callable[[Path], object]) -> Break:
    return lambda pair: change(pair.server.license_file)


def answering(status: int, body: Union[dict[str, Any], str]) -> Break:
    more = {"headers": {"Content-Type": "text/html"}} if isinstance(body, str) else {}
    return lambda pair: answer(pair.server, SUBSCRIPTION, status, body, method="GET", times=-1, **more)


@pytest.fixture(params=["license_sync", "organization"])
def run(request: pytest.FixtureRequest, pair: Pair, params: dict[str, Any]) -> Run:
    """Return a task that keeps the license up to date; ``see_host``: whether it has access to the host."""

    def task(check_mode: bool = False, see_host: bool = True, **changed: Any) -> dict[str, Any]:
        host = FakeHost(pair)
        host.reachable = see_host
        common = {**params, "force": False, "retry_timeout": "0s", "bwdata": "/b", "license_expiry_warning": "30d"}
        if request.param == "license_sync":
            given = {**common, "max_age": "7d", "diagnose": True, **changed}
            return license_sync.perform(given, check_mode, inspect=inspection_by(host.read, "/b"))
        given = {
            **common, "license": None, "billing_sync_token": None, "enabled": True, "keep_last_sync": True,
            "license_max_age": "7d", "sponsorships_max_age": "26h", "wait_timeout": "0s", "egress": "",
            "syncs_per_minute": 0, "steps": ["license", "token", "sync"], "defer_without_license": False, **changed,
        }  # fmt: skip
        result = organization.perform(given, check_mode, organization_steps.Tools(host.read, lambda _path: b""))
        return {**result, "due": result["license_sync"]["due"]}

    return task


def status(result: dict[str, Any]) -> dict[str, Any]:
    """Return the status of the host, whichever module it was."""
    return summarize({"organization" if "reachable" in result else "license": result})


MENDED: dict[str, tuple[Break, str]] = {
    "disabled, synced today": (lambda pair: (prepare(pair, synced=0), disable(pair)), "disabled"),
    "expired yesterday": (ending(-1), "expired"),
    "expired, and disabled for it": (lambda pair: (ending(-1)(pair), disable(pair)), "disabled"),
    "expired since the sync of today": (lambda pair: prepare(pair, days(-0.1), synced=0.2), "expired"),
    "ends tomorrow": (ending(1), "expiring"),
    "ends in four weeks": (ending(28), "expiring"),
    "trailing bytes": (file_with(lambda path: path.write_bytes(path.read_bytes() + b"\0\0")), "license"),
    "cut off": (file_with(lambda path: path.write_bytes(path.read_bytes()[:-30])), "license"),
    "no file": (file_with(lambda path: path.unlink()), "license"),
    "camel case": (file_with(lambda path: path.write_text(json.dumps({"licenseKey": "x"}))), "license"),
    "signature broken": (
        file_with(lambda path: path.write_text(path.read_text().replace('"Token": "eyJ', '"Token": "eyK'))), "license",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MENDED)
def test_a_sync_is_due_where_it_mends(pair: Pair, run: Run, name: str) -> None:
    break_it, due = MENDED[name]
    prepare(pair)
    break_it(pair)
    predicted = run(check_mode=True)
    assert (predicted["due"], predicted["changed"], pair.writes()) == (due, True, [])
    assert status(predicted)["problem"] == ""
    done = run()
    assert (done["due"], done["changed"], done["problems"], done["warnings"]) == (due, True, [], [])
    was_disabled = "disabled" in name
    assert ("organization_enabled=true" in done["diff"]["after"]) is was_disabled
    assert ("organization_enabled=true" in predicted["diff"]["after"]) is was_disabled
    assert (done["organization"]["enabled"], status(done)["problem"]) == (True, "")
    again = run()
    assert (again["due"], again["changed"]) == (None, False)


@pytest.mark.parametrize("damage", ["trailing bytes", "no file", "camel case"])
@pytest.mark.parametrize(("synced", "due"), [(3, "license"), (0.5, None)])
def test_without_access_to_the_host_once_a_day(
    pair: Pair, run: Run, damage: str, synced: float, due: str | None
) -> None:
    prepare(pair, synced=synced)
    MENDED[damage][0](pair)
    result = run(see_host=False)
    assert result["due"] == due
    assert bool(result["problems"]) is (due is None)
    assert run(see_host=False)["due"] is None


NOT_NEWER = {"expired": -1.0, "ends tomorrow": 1.5, "ends in ten days": 10.5}


@pytest.mark.parametrize("name", NOT_NEWER)
def test_a_cloud_with_nothing_newer_is_asked_once_a_day(pair: Pair, run: Run, name: str) -> None:
    left = NOT_NEWER[name]
    expires = days(left)
    prepare(pair, expires)
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "expires": expires})
    first, second = run(), run()
    due = "expired" if left < 0 else "expiring"
    assert [(one["due"], one["changed"]) for one in (first, second)] == [(due, True), (None, False)]
    for result in (first, second):
        shown = status(result)
        if left < 0:
            assert "The license expired at" in shown["problem"]
        else:
            number = "1 day." if left < 2 else "10 days."
            assert shown["problem"] == ""
            assert number in shown["warnings"][0] and number in result["warnings"][0]
    pair.server.control("POST", "clock", {"shift": 22 * 3600})
    assert run(check_mode=True)["due"] is None
    pair.server.control("POST", "clock", {"shift": 24 * 3600 - 600})
    assert run(check_mode=True)["due"] is not None


def test_a_license_that_stays_expired_is_not_synced_again_for_the_servers_check(pair: Pair, run: Run) -> None:
    """The server disables such an organization twice a day, and each sync enables it."""
    prepare(pair, days(-1))
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "expires": days(-1)})
    disable(pair)
    assert run()["due"] == "disabled"
    disable(pair)
    for check_mode in (True, False):
        result = run(check_mode=check_mode)
        assert (result["due"], result["changed"]) == (None, False)
        assert "organization is disabled" in status(result)["problem"]
        assert "the next sync brings the new license" in status(result)["problem"]
    pair.server.control("POST", "clock", {"shift": 24 * 3600 - 600})
    assert run(check_mode=True)["due"] == "disabled"


@pytest.mark.parametrize(("warning", "due"), [("30d", "expiring"), ("5d", None), ("0s", None), ("2w", "expiring")])
def test_how_near_the_end_may_come(pair: Pair, run: Run, warning: str, due: str | None) -> None:
    prepare(pair, days(10))
    assert run(check_mode=True, license_expiry_warning=warning)["due"] == due


@pytest.mark.parametrize("text", ["soon", "-1d"])
def test_a_bad_duration_is_named(run: Run, text: str) -> None:
    with pytest.raises(ApiError, match="license_expiry_warning"):
        run(license_expiry_warning=text)


NOT_MENDED: dict[str, tuple[Break, str]] = {
    "unreadable": (answering(401, REFUSED), "may not read the license file"),
    "another failure of the server": (answering(500, FAILED), "although its file"),
    "a bare 500": (answering(500, ""), "although its file"),
    "a page with 500": (answering(500, "<html><title>Error</title></html>"), "although its file"),
    "connection disabled": (
        lambda pair: pair.server.control(
            "POST", "connections", {"organization": ORGANIZATION, "billing_sync_key": TOKEN, "enabled": False}
        ),
        "connection to the cloud is disabled",
    ),
    "no token": (
        lambda pair: pair.server.control(
            "POST", "connections", {"organization": ORGANIZATION, "billing_sync_key": " ", "enabled": True}
        ),
        "holds no billing sync token",
    ),
}


@pytest.mark.parametrize("name", NOT_MENDED)
def test_what_a_sync_does_not_mend_is_the_hosts_problem(pair: Pair, run: Run, name: str) -> None:
    break_it, says = NOT_MENDED[name]
    prepare(pair)
    break_it(pair)
    for check_mode in (True, False):
        result = run(check_mode=check_mode)
        assert (result["due"], result["changed"], pair.writes()) == (None, False, [])
        assert says in status(result)["problem"]
        assert [text for text in result["warnings"] if says in text]


def test_a_failed_sync_leaves_the_disabled_organization_in_sight(pair: Pair, run: Run) -> None:
    prepare(pair)
    disable(pair)
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "subscription": "none"})
    with pytest.raises(ApiError) as caught:
        run()
    result = caught.value.result()
    assert result.get("changed", False) is False
    step = "organization" if "reachable" in result else "license"
    shown = summarize({step: result}, problem="Sync the license: failed")
    assert shown["problem"] == "Sync the license: failed"
    assert "organization is disabled" in shown["warnings"][0]


@pytest.mark.parametrize(("break_it", "problem"), [
    (disable, "The organization is disabled on the server"),
    (ending(-1), "The license expired at"),
    (answering(500, FAILED), "Possible causes"),
    (lambda pair: None, ""),
])  # fmt: skip
def test_organization_info_shows_it(pair: Pair, params: dict[str, Any], break_it: Break, problem: str) -> None:
    prepare(pair)
    break_it(pair)
    given = {**params, "wait_timeout": "0s", "sponsorships_max_age": "26h", "license_expiry_warning": "30d"}
    result = organization_info.perform(given, False)
    shown = summarize({"info": result})
    assert problem in shown["problem"] and bool(shown["problem"]) is bool(problem)
    assert bool(result["warnings"]) is bool(problem)


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "disabled": ({"enabled": False}, "connection to the cloud is disabled"),
    "blank token": ({"billing_sync_key": " "}, "holds no billing sync token"),
    "usable": ({}, ""),
    "none": ({"count": 0}, ""),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_connection_that_no_sync_can_use_is_warned_of(pair: Pair, params: dict[str, Any], name: str) -> None:
    connection, says = UNUSABLE[name]
    prepare(pair)
    pair.server.control("POST", "connections", {"organization": ORGANIZATION, **connection})
    given = {**params, "wait_timeout": "0s", "sponsorships_max_age": "26h", "license_expiry_warning": "30d"}
    result = organization_info.perform(given, False)
    assert says in (result["sync_problem"] or "") and bool(result["sync_problem"]) is bool(says)
    assert result["warnings"] == ([result["sync_problem"]] if says else [])
    assert summarize({"info": result})["warnings"] == result["warnings"]


def test_cloud_communication_that_is_off_shows_before_a_sync_is_due(pair: Pair, params: dict[str, Any]) -> None:
    pair.server.restart(globalSettings__enableCloudCommunication="false")
    try:
        prepare(pair)
        info = {**params, "wait_timeout": "0s", "sponsorships_max_age": "26h", "license_expiry_warning": "30d"}
        assert "Cloud communication is off" in organization_info.perform(info, False)["sync_problem"]
        sync = {**params, "max_age": "7d", "force": False, "retry_timeout": "0s", "diagnose": True, "bwdata": "/b"}
        for check_mode in (True, False):
            result = license_sync.perform(sync, check_mode)
            assert (result["due"], result["changed"]) == (None, False)
            assert "Cloud communication is off" in status(result)["problem"]
        # Where the role has the server switch it on, check mode sees it off for the last time.
        assert license_sync.perform({**sync, "assume_ready": True}, True)["problems"] == []
        disable(pair)
        with pytest.raises(ApiError) as caught:
            license_sync.perform(sync, False)
        assert caught.value.result()["due"] == "disabled"
        assert "organization is disabled" in caught.value.result()["problems"][0]
    finally:
        pair.server.restart()


@pytest.mark.parametrize("path", [SUBSCRIPTION, f"/organizations/connections/{ORGANIZATION}/1"])
def test_what_was_synced_is_changed_also_where_reading_it_back_fails(pair: Pair, run: Run, path: str) -> None:
    prepare(pair)
    disable(pair)
    fault = {"method": "GET", "path": path}
    pair.server.control("POST", "faults", {**fault, "times": 1})  # answered truly
    pair.server.control("POST", "faults", {**fault, "times": -1, "status": 403})
    with pytest.raises(ApiError) as caught:
        run()
    assert [path for _method, path in pair.writes()] == [f"/organizations/licenses/self-hosted/{ORGANIZATION}/sync"]
    assert caught.value.result()["changed"] is True
