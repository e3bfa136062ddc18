# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Several questions side by side: a dead endpoint costs one time limit, however many there are."""

from __future__ import annotations

import os
import threading
import time
import traceback
from typing import Callable, Dict, Mapping, TypeVar

T = TypeVar("T")

# What a thread may take beyond the time limit that it was told to keep: at most this, or a part of the limit.
_GRACE = 2.0
_PART = 0.3

LATE = "no answer in time"
CHECK_BETWEEN = "Check what stands in between (firewall, proxy)."
REPORT = "This is a defect of the collection: please report it. Nothing is said of the way to the cloud."


def side_by_side(
    questions: Mapping[str, Callable[[], T]], timeout: float, failed: Callable[[str, str], T]
) -> Dict[str, T]:
    """Ask all at once and return the answers by name.

    What overstays is left behind, a defect is no reason to know nothing of the others: in both cases the answer is
    ``failed(detail, advice)``. A socket's time limit starts anew with each byte, this one does not.
    """
    answers: Dict[str, T] = {}

    def run(name: str, question: Callable[[], T]) -> None:
        try:
            answers[name] = question()
        except BaseException as defect:
            answers[name] = failed(f"the check itself failed: {_place_of(defect)}", REPORT)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in questions.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout + min(_GRACE, _PART * timeout)
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    in_time = dict(answers)
    return {name: in_time[name] if name in in_time else failed(LATE, CHECK_BETWEEN) for name in questions}


def _place_of(defect: BaseException) -> str:
    """Kind and place. The message is left out: it could quote a secret."""
    frames = traceback.extract_tb(defect.__traceback__)
    return f"{type(defect).__name__} in {os.path.basename(frames[-1].filename)}, line {frames[-1].lineno}"
