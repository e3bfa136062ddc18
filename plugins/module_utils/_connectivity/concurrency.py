# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls in threads that can be left behind: an unreachable address costs one time limit, however many there are."""

from __future__ import annotations

import os
import threading
import time
import traceback
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Callable, Dict, Mapping, TypeVar

from . import failures
from .failures import ConnectFailure, Outcome

T = TypeVar("T")

# What a call may take beyond its own time limit, in seconds and as a share of that limit.
_GRACE, _SHARE = 2.0, 0.3


def start(call: Callable[[], T]) -> Future[T]:
    """Run ``call`` in a daemon thread, which does not keep the program when it overstays (an executor's would)."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def run_concurrently(calls: Mapping[str, Callable[[], Outcome]], timeout: float) -> Dict[str, Outcome]:
    """Run all calls at once and return their outcomes by name; a defect in one says nothing about the others."""
    futures = {name: start(call) for name, call in calls.items()}
    # A socket's own time limit starts again with each byte, this one does not.
    deadline = time.monotonic() + timeout + min(_GRACE, _SHARE * timeout)
    return {name: _outcome(future, deadline) for name, future in futures.items()}


def _outcome(future: Future[Outcome], deadline: float) -> Outcome:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except FutureTimeoutError:
        return failures.LATE.outcome()
    except ConnectFailure as failure:
        return failure.outcome
    except BaseException as defect:
        # Kind and line only: the message could quote a secret.
        frame = traceback.extract_tb(defect.__traceback__)[-1]
        where = f"{type(defect).__name__} in {os.path.basename(frame.filename)}, line {frame.lineno}"
        return failures.DEFECT.outcome(where=where)
