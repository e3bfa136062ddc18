# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The symbolic links of a set, before there are any on the host: where each leads, and what is below one."""

from __future__ import annotations

import os
from typing import Dict, List, NamedTuple, Optional, Sequence

from .._backup.manifest import FileEntry
from .parts import place_of

# As many as Linux follows.
_MOST = 40


class Links(NamedTuple):
    """The links of a set that is to be in the folder ``root``; ``targets`` by their paths below it."""

    root: str
    targets: Dict[str, str]

    @classmethod
    def of(cls, files: Sequence[FileEntry], root: str) -> Links:
        """Return the links among the files of a set that are put into the folder."""
        places = ((place_of(one, False), one.link) for one in files if one.link)
        return cls(root, {place: link for place, link in places if place})

    def lead_outside(self, path: str) -> bool:
        """Tell whether a path below ``root``, relative to it, is outside of it once the links are followed."""
        left, at, followed = path.split("/"), "", 0
        while left:
            name = left.pop(0)
            if name in ("", "."):
                continue
            if name == "..":
                if not at:
                    return True
                at = os.path.dirname(at)
                continue
            at = os.path.join(at, name)
            target = self.targets.get(at)
            if target is None:
                continue
            followed += 1
            inner = path_below(target, (self.root,)) if target.startswith("/") else target
            if inner is None or followed > _MOST:
                return True
            at = "" if target.startswith("/") else os.path.dirname(at)
            left = inner.split("/") + left
        return False


def path_below(path: str, roots: Sequence[str]) -> Optional[str]:
    """Return an absolute path relative to that of ``roots`` which it is below; None where it is below none of them."""
    for root in (*roots, *map(os.path.realpath, roots)):
        if f"{path}/".startswith(f"{root}/"):
            return path[len(root) + 1 :]
    return None


def below_a_link(files: Sequence[FileEntry]) -> List[str]:
    """Return the files of a set that are below one of its links, so that they would not be where they belong."""
    links = {one.path for one in files if one.link}
    return [one.path for one in files if any(parent in links for parent in _parents(one.path))] if links else []


def _parents(path: str) -> List[str]:
    parts = path.rstrip("/").split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
