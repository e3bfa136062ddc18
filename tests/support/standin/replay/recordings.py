# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The folder of recordings: what each file is, and the order in which state carries over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

PROJECT = Path(__file__).resolve().parents[2] / "recordings"
_KINDS = ("exchanges", "starts", "logs", "rewrites", "settings")
_CLOUD_BASES = ("cloud_api", "cloud_identity")


class Recording(NamedTuple):
    """One file."""

    name: str
    kind: str
    about: Dict[str, Any]
    items: Any

    def prerequisites(self) -> List[str]:
        """Return the files whose end this one starts from."""
        return re.findall(r"[\w-]+\.json", str(self.about.get("starts_from", "")))

    def uses_cloud(self) -> bool:
        """Tell whether requests go straight to the cloud."""
        return any(item.get("request", {}).get("base") in _CLOUD_BASES for item in self.items)

    def uses_self_hosted(self) -> bool:
        """Tell whether requests (or jobs) go to the self-hosted server."""
        return any(item.get("request", {}).get("base") not in _CLOUD_BASES for item in self.items)


def load(folder: Path) -> List[Recording]:
    """Return all recordings of a folder, by name. Raises ValueError for a file that is not one."""
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise ValueError(f"no recordings in {folder}")
    return found


def with_prerequisites(found: List[Recording]) -> Dict[str, Recording]:
    """Return the recordings of exchanges in the order to replay them.

    A prerequisite that the folder lacks comes from the project's own recordings, only to bring about its state.
    """
    by_name = {one.name: one for one in found if one.kind == "exchanges"}
    ordered: Dict[str, Recording] = {}

    def place(recording: Recording, above: List[str]) -> None:
        if recording.name in above:
            raise ValueError(f"{recording.name} starts from itself")
        for name in recording.prerequisites():
            if name not in ordered:
                place(by_name.get(name) or _read(PROJECT / name), [*above, recording.name])
        ordered[recording.name] = recording

    for recording in by_name.values():
        if recording.name not in ordered:
            place(recording, [])
    return ordered


def _read(path: Path) -> Recording:
    content = json.loads(path.read_text(encoding="utf-8"))
    for kind in _KINDS:
        if isinstance(content, dict) and kind in content:
            return Recording(path.name, kind, content.get("about", {}), content[kind])
    raise ValueError(f"{path.name} is not a recording: it has none of {', '.join(_KINDS)}")
