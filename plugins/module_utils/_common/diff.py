# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one difference object: whether anything changes, what, and the diff that shows it, all from the same list."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from .masking import MASK

ADDED = "added"
CHANGED = "changed"
REMOVED = "removed"
HEALED = "healed"


class Change(NamedTuple):
    """One named thing that changes.

    ``before`` and ``after`` are the values as shown, ``None`` where the thing does not exist.
    ``action`` is one of ``added``, ``changed``, ``removed``, ``healed`` (same value, written differently).
    """

    key: str
    action: str
    before: Optional[str]
    after: Optional[str]
    secret: bool = False


class Difference:
    """An ordered list of changes. Empty means that nothing is to be done."""

    def __init__(self) -> None:
        self.changes: List[Change] = []

    def __bool__(self) -> bool:
        return bool(self.changes)

    def compare(self, key: str, before: Optional[str], after: Optional[str], secret: bool = False) -> bool:
        """Note ``key`` when its value differs; return whether it does."""
        if before == after:
            return False
        action = ADDED if before is None else REMOVED if after is None else CHANGED
        self.changes.append(Change(key, action, before, after, secret))
        return True

    def heal(self, key: str, before: str, after: str, secret: bool = False) -> None:
        """Note that ``key`` keeps its value but is written anew; the texts say how it stood and how it will."""
        self.changes.append(Change(key, HEALED, before, after, secret))

    def summary(self) -> List[Dict[str, str]]:
        """What changed, without values: ``[{"key": …, "action": …}]``."""
        return [{"key": change.key, "action": change.action} for change in self.changes]

    def diff(self, before_header: str, after_header: Optional[str] = None) -> Dict[str, str]:
        """Ansible's diff: one ``key=value`` line for each changed thing on the side(s) where it exists, secrets masked.

        A masked value that changes is marked as new, so that the two sides differ.
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
