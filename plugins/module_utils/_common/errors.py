# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The base of every expected error, and what is caught as one. Only the edges turn it into a failed result."""

from __future__ import annotations

import os
from typing import Any, Dict, Mapping, Optional, Union


class BitwardenError(Exception):
    """An expected error, which the user can cause or meet. Its message is shown as it is, so it holds no secret."""

    def result(self) -> Dict[str, Any]:
        """Return the failed task's keys: ``msg``, and those that a subclass adds."""
        return {"msg": str(self)}


class RunError(BitwardenError):
    """A run that cannot begin or did not end well; ``keys`` are those of the failed result that tell of it so far."""

    def __init__(self, message: str, keys: Optional[Mapping[str, Any]] = None) -> None:
        super().__init__(message)
        self.keys = dict(keys or {})

    def result(self) -> Dict[str, Any]:
        """Return the message, and the keys."""
        return {**self.keys, **super().result()}


#: What the user can cause or meet, each with a message that says what to do; anything else is a defect and shows its
#: traceback. Whatever handles expected errors catches these, so that none is forgotten.
EXPECTED = (BitwardenError, OSError)


def result_of(error: Union[BitwardenError, OSError, Terminated]) -> Dict[str, Any]:
    """Return the failed task's keys of an expected error, or of a signal."""
    return {"msg": message_of(error)} if isinstance(error, OSError) else error.result()


def message_of(error: Union[BitwardenError, OSError]) -> str:
    """Return the message of an expected error: that of the system names the file, without Python's error number."""
    if isinstance(error, BitwardenError):
        return str(error)
    reason = error.strerror or str(error) or type(error).__name__
    return f"{os.fsdecode(error.filename)}: {reason}." if isinstance(error.filename, (str, bytes)) else f"{reason}."


class Terminated(BaseException):
    """A signal that ends this process. It passes every handler of errors: nothing is begun on its way, only cleaned up.

    ``keys`` are those that the failed result has as well.
    """

    def __init__(self, name: str) -> None:
        super().__init__(f"Ended by the signal {name} before the task was done. Run it again.")
        self.keys: Dict[str, Any] = {}

    def result(self) -> Dict[str, Any]:
        """Return the failed task's keys."""
        return {**self.keys, "msg": str(self)}
