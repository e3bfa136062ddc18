# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.

"""Several questions side by side: a dead endpoint costs one time limit, however many there are."""

from __future__ import annotations

import threading
import time
from typing import Callable, Dict

from . import layers
from .layers import Outcome

# What a thread may take beyond the time limit that it was told to keep.
_GRACE = 2.0


def side_by_side(questions: Dict[str, Callable[[], Outcome]], timeout: float) -> Dict[str, Outcome]:
    """Ask all at once and return the outcomes by name. What overstays is left behind."""
    outcomes: Dict[str, Outcome] = {}
    defects: Dict[str, BaseException] = {}

    def run(name: str, question: Callable[[], Outcome]) -> None:
        try:
            outcomes[name] = question()
        except BaseException as defect:
            defects[name] = defect

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in questions.items()]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout + _GRACE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if defects:
        raise next(iter(defects.values()))
    late = Outcome(False, layers.HTTP, "no answer in time", "Check what stands in between (firewall, proxy).")
    return {name: outcomes.get(name, late) for name in questions}
