# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge of the host modules: what becomes a result, what a failed task, and what stays a traceback."""

from __future__ import annotations

import signal
import threading
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import (
    BitwardenError,
    Terminated,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import run_host_module

from tests.support.killing import signals_arriving


class FakeModule:
    """Records what a module gives to Ansible."""

    def __init__(self):
        self.no_log_values = {"e", "CanaryLongEnough"}
        self.warnings = []
        self.ended = None

    def warn(self, text):
        self.warnings.append(text)

    def exit_json(self, **result):
        self.ended = ("exit", result)

    def fail_json(self, **result):
        self.ended = ("fail", result)


class WithKeysError(BitwardenError):
    def result(self):
        return {**super().result(), "changed": True, "warnings": ["w"]}


def raising(error):
    def main(module):
        raise error

    return main


def end(main, failure=None):
    module = FakeModule()
    run_host_module(module, main, failure)
    return module


def test_a_result_is_returned_and_its_warnings_are_warned_of():
    module = end(lambda module: {"rc": 1, "changed": True, "warnings": ["old"]})
    assert module.ended == ("exit", {"rc": 1, "changed": True, "failed": False})
    assert module.warnings == ["old"]
    assert module.no_log_values == {"CanaryLongEnough"}, "a short secret would garble the result"


def test_what_only_reads_has_not_changed_anything():
    assert end(lambda module: {}).ended == ("exit", {"changed": False, "failed": False})


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (BitwardenError("it says"), {"msg": "it says", "changed": False, "restarted": False}),
        (WithKeysError("it says"), {"msg": "it says", "changed": True, "restarted": False}),
        (
            PermissionError(13, "Permission denied", "/x"),
            {"msg": "/x: Permission denied.", "changed": False, "restarted": False},
        ),
        (OSError("odd"), {"msg": "odd.", "changed": False, "restarted": False}),
    ],
)
def test_an_expected_error_fails_the_task_with_the_documented_keys(error, result):
    assert end(raising(error), {"restarted": False}).ended == ("fail", result)


def test_warnings_of_an_error_are_warned_of():
    assert end(raising(WithKeysError("x"))).warnings == ["w"]


def test_a_defect_shows_its_traceback():
    with pytest.raises(KeyError):
        end(raising(KeyError("x")))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_to_end_cleans_up_and_fails_the_task(number):
    done = []

    def main(module):
        try:
            signal.raise_signal(number)
            time.sleep(10)
        except Exception:
            done.append("handled as an error")
        finally:
            signal.raise_signal(number)  # a second one does not interrupt the clean-up
            done.append("cleaned up")

    with signals_arriving():
        before = signal.getsignal(number)
        kind, result = end(main, {"restarted": False}).ended
        after = signal.getsignal(number)
    assert (kind, result["changed"], result["restarted"], done) == ("fail", False, False, ["cleaned up"])
    assert f"Ended by the signal {number.name} before the task was done" in result["msg"]
    assert after == before


def test_what_had_been_done_before_a_signal_is_told():
    error = Terminated("SIGTERM")
    error.keys = {"changed": True, "warnings": ["w"]}
    module = end(raising(error), {"restarted": False})
    assert {key: module.ended[1][key] for key in ("changed", "restarted")} == {"changed": True, "restarted": False}
    assert module.warnings == ["w"]


def test_an_ignored_signal_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert end(lambda module: signal.raise_signal(signal.SIGHUP) or {}).ended[0] == "exit"
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_than_the_main_one_handles_no_signals():
    found = []
    thread = threading.Thread(target=lambda: found.append(end(lambda module: {}).ended[0]))
    thread.start()
    thread.join()
    assert found == ["exit"]
