# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the steps on one organization change, as their result shows it."""

from __future__ import annotations

from typing import Dict, List, Optional

from .._common.diff import Change, Difference


class Changes:
    """The changes of all steps, by key."""

    def __init__(self) -> None:
        self._changes: Dict[str, Change] = {}

    def note(self, key: str, before: Optional[str], after: Optional[str], secret: bool = False) -> None:
        """Note a change; of several of one key the first ``before`` and the last ``after`` count."""
        first = self._changes[key].before if key in self._changes else before
        self._changes[key] = Change(key, "", first, after, secret)

    def note_all(self, found: Difference, prefix: str = "") -> None:
        """Note all changes of a step."""
        for change in found.changes:
            self.note(prefix + change.key, change.before, change.after, change.secret)

    def difference(self) -> Difference:
        """Return those that differ in the end."""
        found = Difference()
        for change in self._changes.values():
            found.compare(change.key, change.before, change.after, change.secret)
        return found


def summary(found: Difference) -> List[Dict[str, str]]:
    """Return what changed, all of a license as one; the expiry that a sync brought is not known beforehand."""
    changes: Dict[str, str] = {}
    for change in found.changes:
        if change.key == "license_expires":
            continue
        key = "license" if change.key.startswith("license.") else change.key
        changes.setdefault(key, change.action if change.key in (key, "license.license") else "changed")
    return [{"key": key, "action": action} for key, action in changes.items()]
