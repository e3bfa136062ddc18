# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any, Callable, Union

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import (
    CLOUD,
    LICENSE,
    REQUEST,
    SERVER,
    ApiError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import (
    billing_sync,
    license_sync,
    sync_attempts,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_diagnosis import (
    Diagnosis,
    NoDiagnosis,
)

from .standin_pair import CANARIES, CLOUD_ORGANIZATION, ORGANIZATION, REFUSED, TOKEN, WRONG_TOKEN, Pair, answer

Task = Callable[..., dict[str, Any]]
SYNC = rf"/organizations/licenses/self-hosted/{ORGANIZATION}/sync"
GENERIC = json.dumps(
    {"message": "An error has occurred. Check your internet connection and ensure the billing token …"}
)
JSON = {"Content-Type": "application/json"}


class Clock:
    """Time that transient only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def times(self) -> sync_attempts.Times:
        return sync_attempts.Times(self.sleep, lambda: self.now, lambda low, high: (low + high) / 2)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token(params: dict[str, Any]) -> Callable[..., None]:
    """Return what applies a token."""

    def apply(token: str = TOKEN, **changed: Any) -> None:
        own = {"state": "present", "enabled": True, "keep_last_sync": True}
        given = {**params, **own, "billing_sync_token": token, **changed}
        billing_sync.perform(given, False)

    return apply


@pytest.fixture
def task(params: dict[str, Any], clock: Clock) -> Task:
    def run(
        check_mode: bool = False, log: Any = None, wait_turn: Callable[[], object] = lambda: None, **changed: Any
    ) -> dict[str, Any]:
        given = {
            **params,
            "max_age": "7d",
            "force": False,
            "retry_timeout": "0s",
            "diagnose": True,
            "bwdata": "/opt/bitwarden/bwdata",
            **changed,
        }
        try:
            result = license_sync.perform(given, check_mode, log, clock.times(), wait_turn)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise
        assert not [canary for canary in CANARIES if canary in repr(result)]
        return result

    return run


def failure(what: Callable[[], Any]) -> dict[str, Any]:
    with pytest.raises(ApiError) as caught:
        what()
    return caught.value.result()


def age(pair: Pair, days: Union[float, None]) -> None:
    pair.server.control("POST", "last-sync", {"organization": ORGANIZATION, "days_ago": days})


def syncs(pair: Pair) -> int:
    return sum(path.endswith("/sync") for _rest, path in pair.writes())


def fault(process: Any, path: str, **more: Any) -> None:
    process.control("POST", "faults", {"service": "any", "method": "ANY", "path": path, "times": 1, **more})


def test_never_then_young_then_old(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token()
    first = task()
    assert (first["changed"], first["due"], first["attempts"]) == (True, "never", 1)
    assert first["last_license_sync"]["before"] is None
    assert first["license_expires"] == {"before": "2030-12-27T00:00:00Z", "after": "2031-12-28T00:00:00Z"}
    assert first["license_state"] == "ok"
    young = task()
    assert (young["changed"], young["due"], young["attempts"]) == (False, None, 0)
    assert young["last_license_sync"]["before"] is not None
    assert young["last_license_sync"]["before"] == young["last_license_sync"]["after"]
    assert syncs(pair) == 1
    age(pair, 8)
    old = task()
    assert (old["changed"], old["due"]) == (True, "age")
    assert old["last_license_sync"]["before"] < old["last_license_sync"]["after"]
    assert syncs(pair) == 2


@pytest.mark.parametrize(
    ("days", "changed", "due"),
    [
        (6.9, {}, None),
        (7.1, {}, "age"),
        (0.5, {"max_age": "12h"}, "age"),
        (0.5, {"max_age": "13h"}, None),
        (0, {"max_age": "0s"}, "age"),
        (0, {"force": True}, "forced"),
        (-1, {}, "future"),  # it would never get old
    ],
)
def test_when_a_sync_is_due(
    pair: Pair, task: Task, token: Callable[..., None], days: float, changed: dict[str, Any], due: Any
) -> None:
    token()
    age(pair, days)
    before = len(pair.writes())
    predicted = task(check_mode=True, **changed)
    assert len(pair.writes()) == before
    real = task(**changed)
    assert predicted["due"] == real["due"] == due
    assert predicted["changed"] is real["changed"] is (due is not None)
    assert bool(predicted["diff"]["after"]) is bool(real["diff"]["after"]) is (due is not None)
    assert syncs(pair) == (due is not None)


def test_age_goes_by_the_servers_clock(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token()
    age(pair, 0)
    pair.server.control("POST", "clock", {"shift": 8 * 86400})
    assert task(check_mode=True)["due"] == "age"


PRECONDITIONS = {
    "off": ("cloud_communication_off", "Cloud communication is off in the running server"),
    "none": ("no_connection", "has no connection to the cloud"),
    "disabled": ("connection_disabled", "connection to the cloud is disabled"),
    "blank": ("no_connection", "holds no billing sync token"),
}


@pytest.mark.parametrize("kind", PRECONDITIONS)
def test_a_missing_precondition_is_named(pair: Pair, task: Task, token: Callable[..., None], kind: str) -> None:
    cause, says = PRECONDITIONS[kind]
    if kind == "blank":
        body = {"organization": ORGANIZATION, "count": 1, "billing_sync_key": "  ", "enabled": True}
        pair.server.control("POST", "connections", body)
    elif kind != "none":
        token(enabled=kind != "disabled")
    if kind == "off":
        pair.server.restart(globalSettings__enableCloudCommunication="false")
    try:
        for check_mode in (False, True):
            error = failure(lambda check_mode=check_mode: task(check_mode=check_mode))
            assert (error["cause"], error["layer"]) == (cause, REQUEST)
            assert says in error["msg"]
        # The role says that earlier tasks see to it; then check mode predicts the sync, and a real run fails as ever.
        predicted = task(check_mode=True, assume_ready=True)
        assert (predicted["changed"], predicted["due"]) == (True, "never")
        assert failure(lambda: task(assume_ready=True))["cause"] == cause
        assert syncs(pair) == 0
    finally:
        if kind == "off":
            pair.server.restart()


def test_check_mode_of_a_role_that_would_have_started_the_server(pair: Pair, task: Task) -> None:
    fault(pair.server, "/alive", times=-1, status=502, body="<html>nginx</html>")
    result = task(check_mode=True, assume_ready=True)
    assert result["changed"] is True
    assert "could not be read" in result["warnings"][0]
    assert failure(lambda: task(check_mode=True))["layer"] == SERVER


def test_a_failure_without_access_to_the_log_names_the_likely_causes(
    pair: Pair, task: Task, token: Callable[..., None], clock: Clock
) -> None:
    token(WRONG_TOKEN)
    calls: list[str] = []

    def no_access(organization: str, seconds: float) -> NoDiagnosis:
        calls.append(organization)
        return NoDiagnosis("Permission denied")

    error = failure(lambda: task(log=no_access, retry_timeout="300s"))
    assert (error["cause"], error["layer"], error["status"], error["attempts"]) == ("unknown", CLOUD, 400, 1)
    assert "was not read (Permission denied)" in error["msg"]
    assert "Likely causes: the billing sync token is wrong" in error["msg"]
    assert (calls, clock.slept) == ([ORGANIZATION], [])
    # diagnose=false asks nobody.
    assert "was not read (diagnose is false)" in failure(lambda: task(log=no_access, diagnose=False))["msg"]
    assert calls == [ORGANIZATION]


def diagnosis(cause: str, transient: bool) -> Any:
    return lambda organization, seconds: Diagnosis(cause, f"It was {cause}.", "Do this.", transient)


def test_a_cause_that_stays_is_not_waited_for(pair: Pair, task: Task, token: Callable[..., None], clock: Clock) -> None:
    token(WRONG_TOKEN)
    error = failure(lambda: task(log=diagnosis("billing_sync_token", False), retry_timeout="300s"))
    assert (error["cause"], error["attempts"], clock.slept) == ("billing_sync_token", 1, [])
    assert error["msg"] == "The license sync failed: It was billing_sync_token. Do this."
    assert error["advice"] == "Do this."


def test_a_cause_that_passes_is_waited_out(pair: Pair, task: Task, token: Callable[..., None], clock: Clock) -> None:
    token()
    fault(pair.cloud, "/connect/token", times=2, status=429)
    result = task(log=diagnosis("rate_limit", True), retry_timeout="300s")
    assert (result["changed"], result["attempts"], len(clock.slept)) == (True, 3, 2)
    assert clock.slept[0] < clock.slept[1]


def test_waiting_has_an_end(pair: Pair, task: Task, token: Callable[..., None], clock: Clock) -> None:
    token()
    fault(pair.cloud, "/connect/token", times=-1, status=429)
    error = failure(lambda: task(log=diagnosis("rate_limit", True), retry_timeout="300s"))
    assert error["cause"] == "rate_limit"
    assert error["attempts"] > 4
    assert f"It was tried {error['attempts']} times within 300 seconds." in error["msg"]
    assert sum(clock.slept) == pytest.approx(300)
    assert max(clock.slept) <= 60


@pytest.mark.parametrize("lost", [False, True], ids=["refused", "answer lost"])
def test_waiting_for_a_turn_is_not_time_in_which_something_failed(
    pair: Pair, task: Task, token: Callable[..., None], clock: Clock, lost: bool
) -> None:
    """The last in the queue has as much patience as the first."""
    token()
    if lost:
        fault(pair.server, SYNC, close=True)
    else:
        fault(pair.cloud, "/connect/token", status=429)
    result = task(log=diagnosis("rate_limit", True), retry_timeout="300s", wait_turn=lambda: clock.sleep(400))
    assert (result["changed"], result["attempts"]) == (True, 2)


def test_a_server_that_is_away_for_a_moment_is_asked_again(
    pair: Pair, task: Task, token: Callable[..., None], clock: Clock
) -> None:
    """Not only the sync: the inspection of its date between two attempts may fail, too."""
    token()
    fault(pair.cloud, "/connect/token", status=429)
    sleep = clock.sleep

    def away(seconds: float) -> None:
        sleep(seconds)
        # A read is tried three times.
        fault(pair.server, ".*/organizations/connections/.*", times=3, status=502)

    clock.sleep = away  # type: ignore[method-assign]
    result = task(log=diagnosis("rate_limit", True), retry_timeout="300s")
    assert (result["changed"], result["attempts"]) == (True, 2)


def test_the_log_is_read_again_when_it_lags(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token(WRONG_TOKEN)
    found = [None, Diagnosis("billing_sync_token", "Wrong.", "", False)]
    assert failure(lambda: task(log=lambda *_: found.pop(0)))["cause"] == "billing_sync_token"


def test_a_log_that_says_nothing(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token(WRONG_TOKEN)
    error = failure(lambda: task(log=lambda *_: None))
    assert error["cause"] == "unknown"
    assert "shows no failure of that time" in error["msg"]


@pytest.mark.parametrize("days", [None, 8])
def test_success_without_a_new_date_is_no_success(
    pair: Pair, task: Task, token: Callable[..., None], days: Any
) -> None:
    token()
    age(pair, days)
    fault(pair.server, SYNC, status=200, body="")
    error = failure(task)
    assert (error["cause"], error["layer"]) == ("not_moved", SERVER)


@pytest.mark.parametrize("lost", [{"close": True}, {"status": 502, "body": "<html>nginx</html>"}, {"status": 504}])
def test_after_a_lost_answer_the_date_is_looked_at_before_asking_again(
    pair: Pair, task: Task, token: Callable[..., None], clock: Clock, monkeypatch: pytest.MonkeyPatch, lost: Any
) -> None:
    """The sync goes on without its asker: it arrives while the task looks, and is asked for once."""
    token()
    fault(pair.server, SYNC, **lost)
    sleep = clock.sleep

    def arrives(seconds: float) -> None:
        sleep(seconds)
        if len(clock.slept) == 2:
            age(pair, 0)

    clock.sleep = arrives  # type: ignore[method-assign]
    result = task(retry_timeout="300s")
    assert (result["changed"], result["attempts"], syncs(pair)) == (True, 1, 1)


def test_a_lost_request_is_asked_for_again_in_the_end(
    pair: Pair, task: Task, token: Callable[..., None], clock: Clock
) -> None:
    token()
    fault(pair.server, SYNC, close=True)
    result = task(retry_timeout="300s")
    assert (result["changed"], result["attempts"], syncs(pair)) == (True, 2, 2)
    assert sum(clock.slept) >= 100  # longer than the server waits for the cloud


ADVICE = {
    "Invalid license. Your cloud-hosted organization is currently disabled.": "Restore its subscription in the cloud, "
    "then sync again.",
    "Your organization currently has 9 seats filled. Your new license only has (5) seats.": "Remove users on the "
    "server; or add seats in the cloud, then sync again.",
    "Invalid license. Your cloud-hosted organization is currently disabled.\nThe installation ID does not match the "
    "current installation.": "Restore its subscription in the cloud, then sync again. Set id and key of the "
    "installation to those of one installation, restart the server, then sync again.",
    "Version 17 is not supported.": "The license is newer than the server. Update the server, with a backup before "
    "(module update), and sync again.",
}
REJECTED = [
    ("Error parsing Connection config for organization x", REQUEST, "no_connection"),
    (next(text for text in ADVICE if "\n" in text), LICENSE, "license_rejected"),
    ("Version 17 is not supported.", LICENSE, "license_rejected"),
    ("Something that no server says today", REQUEST, "unknown"),
    ("Invalid license. Your cloud-hosted organization is currently disabled.", LICENSE, "license_rejected"),
    (
        "Your organization currently has 9 seats filled. Your new license only has (5) seats.",
        LICENSE,
        "license_rejected",
    ),
    ("Cloud communication is disabled in global settings", REQUEST, "cloud_communication_off"),
    (f"Connection disabled for organization {ORGANIZATION}", REQUEST, "connection_disabled"),
    ("Failed to get Billing Sync Key", REQUEST, "no_connection"),
    (f"No saved Connection config for organization {ORGANIZATION}", REQUEST, "no_connection"),
]


@pytest.mark.parametrize(("text", "layer", "cause"), REJECTED)
def test_what_the_server_refuses_itself_needs_no_log(
    pair: Pair, task: Task, token: Callable[..., None], text: str, layer: str, cause: str
) -> None:
    token()
    answer(pair.server, SYNC, 400, {"message": text})

    def never(organization: str, seconds: float) -> None:
        raise AssertionError

    error = failure(lambda: task(log=never, retry_timeout="300s"))
    assert (error["layer"], error["cause"], error["attempts"]) == (layer, cause, 1)
    if layer == LICENSE:
        assert " ".join(text.split()) in error["msg"]
        assert error["advice"] == ADVICE[text]


def test_a_license_file_that_the_server_may_not_write(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token()
    answer(pair.server, SYNC, 401, REFUSED)
    error = failure(task)
    assert (error["layer"], error["cause"]) == (LICENSE, "unreadable")
    assert error["msg"].startswith("The server may not write its license file. Restart the server")


def test_a_configuration_that_the_server_cannot_read_is_not_called_a_missing_token(
    pair: Pair, task: Task, token: Callable[..., None]
) -> None:
    token()
    text = "Error parsing Connection config for organization x"
    answer(pair.server, SYNC, 400, {"message": text})
    error = failure(task)
    assert text in error["msg"] and "no billing sync token" not in error["msg"]


def test_a_disabled_connection_is_to_be_enabled(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token(enabled=False)
    assert failure(task)["advice"].startswith("Enable it")


def test_a_malformed_address_of_the_cloud(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token()
    pair.server.restart(globalSettings__installation__identityUri="not a uri")
    try:
        error = failure(task)
        assert (error["status"], error["layer"]) == (500, SERVER)
        assert "identityUri or __apiUri is malformed" in error["msg"]
        known = failure(lambda: task(log=diagnosis("uri_malformed", False)))
        assert known["cause"] == "uri_malformed"
    finally:
        pair.server.restart()


def test_a_missing_license_file_is_written_anew(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token()
    pair.server.license_file.unlink()
    result = task()
    assert result["license_expires"] == {"before": None, "after": "2031-12-28T00:00:00Z"}
    assert pair.server.license_file.exists()


def test_a_sync_by_somebody_else_meanwhile_is_enough(
    pair: Pair, task: Task, token: Callable[..., None], clock: Clock
) -> None:
    token()
    fault(pair.cloud, "/connect/token", times=-1, status=429)
    sleep = clock.sleep
    clock.sleep = lambda seconds: (sleep(seconds), age(pair, 0))[0]  # type: ignore[method-assign]
    result = task(log=diagnosis("rate_limit", True), retry_timeout="300s")
    assert (result["changed"], result["attempts"]) == (True, 1)


def test_the_cloud_knows_the_organization_by_another_id(pair: Pair, task: Task, token: Callable[..., None]) -> None:
    token()
    task()
    (asked,) = (item["path"] for item in pair.cloud.control("GET", "requests") if "/licenses/" in item["path"])
    assert asked.endswith(CLOUD_ORGANIZATION)
