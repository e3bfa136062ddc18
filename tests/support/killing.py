# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have a signal hit a function at each line of some files in turn, in a process of its own each time."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType, ModuleType
from typing import Any, Callable, Iterator, Sequence


def hit_at_every_line(
    call: Callable[[], object],
    modules: Sequence[ModuleType],
    *,
    number: signal.Signals = signal.SIGKILL,
    before: Callable[[], object] = lambda: None,
    every: int = 1,
) -> Iterator[int]:
    """Yield after each process that ran ``call`` and got the signal at a line of ``modules``, each time a later one.

    ``before`` runs in that process just before the signal. Ends once ``call`` comes to its end without a signal; what
    it raises is not told. ``every`` skips lines where there are many.
    """
    files = {str(module.__file__) for module in modules}
    for line in range(1, 100_000, every):
        child = os.fork()
        if child == 0:
            # A killed process loses nothing that it has written, and many calls of fsync take long.
            os.fsync = lambda _descriptor: None  # type: ignore[assignment]
            tracer = _Tracer(files, line, before, number)
            try:
                sys.settrace(tracer.trace)
                call()
            finally:
                os._exit(int(tracer.count >= line))
        if os.waitpid(child, 0)[1] == 0:
            return
        yield line


class _Tracer:
    def __init__(self, files: set[str], line: int, before: Callable[[], object], number: signal.Signals) -> None:
        self.files = files
        self.line = line
        self.before = before
        self.number = number
        self.count = 0

    def trace(self, frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_filename not in self.files:
            return None
        self.count += event == "line"
        if event == "line" and self.count == self.line:
            self.before()
            signal.raise_signal(self.number)
        return self.trace
