# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have a signal hit a function at each line of some files in turn, or before each change that it makes to files.

Each time in a process of its own.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, Callable, Iterator, Sequence


@contextmanager
def signals_arriving() -> Iterator[None]:
    """Ignore no signal that ends a process meanwhile, as tests do that were started in the background (``nohup``)."""
    ignored = [one for one in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT) if signal.getsignal(one) == signal.SIG_IGN]
    for one in ignored:
        signal.signal(one, signal.SIG_DFL)
    try:
        yield
    finally:
        for one in ignored:
            signal.signal(one, signal.SIG_IGN)


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


_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chown", "os.chmod", "os.link", "os.symlink")


def killed_before_every_change(
    call: Callable[[], object], below: Path, *, before: Callable[[], object] = lambda: None, every: int = 1
) -> Iterator[str]:
    """Yield after each process that ran ``call`` and was killed before it changed a file below a folder; what it was.

    Each time it is a later change. ``before`` runs in that process just before the end. Ends once ``call`` comes to its
    end. ``every`` skips changes where there are many.
    """
    for number in range(1, 10_000, every):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.fsync = lambda _descriptor: None  # type: ignore[assignment]
            hook = _Hook(str(below), number, before, writing)
            try:
                sys.addaudithook(hook.audit)
                call()
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading, encoding="utf-8") as stream:
            change = stream.read()
        os.waitpid(child, 0)
        if not change:
            return
        yield change


class _Hook:
    def __init__(self, below: str, number: int, before: Callable[[], object], writing: int) -> None:
        self.below = below
        self.left = number
        self.before = before
        self.writing = writing
        self.process = os.getpid()

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        """Kill this process where it is about to make the change. What it starts has a hook of its own."""
        if not arguments or not self.left or os.getpid() != self.process:
            return
        path = str(arguments[0])
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
        if (writes or event in _CHANGES) and (path.startswith(self.below) or not path.startswith("/")):
            self.left -= 1
            if not self.left:
                os.write(self.writing, f"{event} {path}".encode())
                self.before()
                signal.raise_signal(signal.SIGKILL)


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
