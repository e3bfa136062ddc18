# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Calls that run beside others, in threads that end with the program."""

from __future__ import annotations

import threading
from concurrent import futures
from typing import Callable, TypeVar

T = TypeVar("T")


def start(call: Callable[[], T]) -> futures.Future[T]:
    """Run ``call`` in a daemon thread, which does not keep the program when it overstays (an executor's would)."""
    future: futures.Future[T] = futures.Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
