# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task changes: the decision, the list of changes and Ansible's diff, all from one object."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from .masking import MASK

ADDED = "added"
CHANGED = "changed"
REMOVED = "removed"
NORMALIZED = "normalized"


class Change(NamedTuple):
    """One key that changes.

    ``before`` and ``after`` are the values as shown, ``None`` where the key is absent.
    ``action`` is one of ``added``, ``changed``, ``removed``, ``normalized`` (same value, written differently).
    """

    key: str
    action: str
    before: Optional[str]
    after: Optional[str]
    secret: bool = False


class Difference:
    """An ordered list of changes, false when there is nothing to do."""

    def __init__(self) -> None:
        self.changes: List[Change] = []

    def __bool__(self) -> bool:
        return bool(self.changes)

    def compare(self, key: str, before: Optional[str], after: Optional[str], secret: bool = False) -> bool:
        """Add ``key`` when its value differs; return whether it does."""
        if before == after:
            return False
        action = ADDED if before is None else REMOVED if after is None else CHANGED
        self.changes.append(Change(key, action, before, after, secret))
        return True

    def normalize(self, key: str, before: str, after: str, secret: bool = False) -> None:
        """Add ``key``, whose value stays but is written differently; the texts are those before and after."""
        self.changes.append(Change(key, NORMALIZED, before, after, secret))

    def summary(self) -> List[Dict[str, str]]:
        """Return the changes without values: ``[{"key": …, "action": …}]``."""
        return [{"key": change.key, "action": change.action} for change in self.changes]

    def diff(self, before_header: str, after_header: Optional[str] = None) -> Dict[str, str]:
        """Return Ansible's diff: a ``key=value`` line per change on each side where the key exists, secrets masked.

        A masked value that changes is marked, so that the two sides differ.
        """
        before, after = [], []
        for change in self.changes:
            if change.before is not None:
                before.append(f"{change.key}={MASK if change.secret else change.before}\n")
            if change.after is not None:
                shown = change.after
                if change.secret:
                    shown = MASK if change.before is None else f"{MASK} ({change.action})"
                after.append(f"{change.key}={shown}\n")
        return {
            "before_header": before_header,
            "after_header": after_header or before_header,
            "before": "".join(before),
            "after": "".join(after),
        }
