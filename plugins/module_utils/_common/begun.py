# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What was begun and goes on beside other steps: all of it is waited for, also where one of them fails."""

from __future__ import annotations

from types import TracebackType
from typing import Callable, Generic, List, Optional, Sequence, Type, TypeVar, Union

from .errors import EXPECTED, BitwardenError, message_of

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SeveralErrors(BitwardenError):
    """More than one of the steps that went on beside one another failed; the message has that of each."""

    def __init__(self, errors: Sequence[Union[BitwardenError, OSError]]) -> None:
        super().__init__(" ".join(dict.fromkeys(f"{message_of(one).rstrip('.')}." for one in errors)))


class Begun:
    """What is begun within a ``with`` block has ended after it, whatever fails there, and each failure is told.

    A signal passes, and is the only thing that is told.
    """

    def __init__(self) -> None:
        self._waiting: List[_Waiting[object]] = []

    def add(self, end: Callable[[], T]) -> Callable[[], T]:
        """Return ``end``, a call that waits for what was begun; the end of the block makes it if nothing else does."""
        waiting = _Waiting(end)
        self._waiting.append(waiting)
        return waiting

    def __enter__(self) -> Begun:
        return self

    def __exit__(
        self, _kind: Optional[Type[BaseException]], error: Optional[BaseException], _trace: Optional[TracebackType]
    ) -> None:
        failed: List[Union[BitwardenError, OSError]] = [error] if isinstance(error, EXPECTED) else []
        for end in self._waiting:
            if not end.was_made:
                try:
                    end()
                except EXPECTED as other:
                    failed.append(other)
        if isinstance(error, EXPECTED) or error is None:
            if len(failed) > 1:
                raise SeveralErrors(failed) from failed[0]
            if error is None and failed:
                raise failed[0]


class _Waiting(Generic[T_co]):
    """A call that waits, and whether it was made."""

    def __init__(self, end: Callable[[], T_co]) -> None:
        self._end = end
        self.was_made = False

    def __call__(self) -> T_co:
        self.was_made = True
        return self._end()
