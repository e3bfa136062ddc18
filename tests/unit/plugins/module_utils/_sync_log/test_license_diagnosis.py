# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.durations import parse_duration
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.license_diagnosis import (
    Diagnosis,
    NoDiagnosis,
    log_options,
    no_access,
    read_log_result,
)


def entry(**changed: Any) -> dict[str, Any]:
    own = {"time": "2026-11-22T10:00:00Z", "kind": "license", "cause": "payment", "message": "m", "advice": "a"}
    return {**own, "transient": False, **changed}


@pytest.mark.parametrize(
    ("failures", "cause"),
    [
        ([entry()], "payment"),
        ([entry(time="2026-11-22T10:00:09Z", cause="rate_limit"), entry()], "rate_limit"),  # the newest
        ([entry(), entry(cause="rate_limit")], "rate_limit"),  # of one second the later
        ([entry(), entry(time="2026-11-22T11:00:00Z", kind="sponsorship", cause="unknown")], "payment"),
    ],
)
def test_the_newest_license_failure_counts(failures: list[dict[str, Any]], cause: str) -> None:
    found = read_log_result({"failures": failures})
    assert isinstance(found, Diagnosis)
    assert found.cause == cause


def test_a_log_without_a_failure_is_no_diagnosis() -> None:
    assert read_log_result({"failures": []}) is None
    assert read_log_result({"failures": [entry(kind="sponsorship")]}) is None


@pytest.mark.parametrize(
    "result", [{"failed": True, "msg": "no engine"}, {"unreachable": True, "msg": "no engine"}, {"msg": "no engine"}]
)
def test_a_module_that_failed_is_no_access(result: dict[str, Any]) -> None:
    assert read_log_result(result) == NoDiagnosis("no engine")


def test_ssh_noise_is_left_out_of_the_reason() -> None:
    text = "Failed to connect: OpenSSH\r\ndebug1: Reading\r\nOpenSSH_9.2\r\nport 1: Connection refused\r\n"
    assert no_access(text).reason == "Failed to connect: OpenSSH port 1: Connection refused"


def test_the_log_is_asked_for_a_little_more_than_the_time_since_the_request() -> None:
    options = log_options("/b", "id", 2.2)
    assert (options["bwdata"], options["organization"]) == ("/b", "id")
    assert 3 < parse_duration(options["since"]) < 10
