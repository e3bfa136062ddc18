# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a replay found, file by file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, NamedTuple

_MOST_OMITTED = 0.1
_SHOWN = 12


class Omission(NamedTuple):
    """An exchange left out on purpose."""

    file: str
    name: str
    reason: str


def omissions() -> List[Omission]:
    """Return the list of what the stand-in leaves out."""
    entries = json.loads(Path(__file__).with_name("omitted.json").read_text(encoding="utf-8"))
    return [Omission(entry["file"], entry["name"], entry["reason"]) for entry in entries]


class FileReport:
    """The results of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.matches = 0
        self.omitted: List[Omission] = []
        self.differences: Dict[str, List[str]] = {}

    def add(self, item: str, differences: List[str]) -> None:
        """Note what came of one item."""
        if differences:
            self.differences.setdefault(item, []).extend(differences)
        else:
            self.matches += 1

    def lines(self) -> List[str]:
        """Return the report's text."""
        omitted = f", {len(self.omitted)} omitted" if self.omitted else ""
        lines = [f"{self.name}: {self.matches} match, {len(self.differences)} differ{omitted}"]
        for item, differences in self.differences.items():
            lines.append(f"  {item}")
            lines += [f"    {difference}" for difference in differences[:_SHOWN]]
            if len(differences) > _SHOWN:
                lines.append(f"    and {len(differences) - _SHOWN} more")
        return lines


def summary(reports: List[FileReport]) -> tuple[str, bool]:
    """Return the closing line, and whether all passed."""
    matches = sum(report.matches for report in reports)
    differing = sum(len(report.differences) for report in reports)
    omitted = sum(len(report.omitted) for report in reports)
    text = f"{matches} match, {differing} differ, {omitted} omitted"
    if omitted > _MOST_OMITTED * (matches + differing + omitted):
        return f"{text}: too much is omitted", False
    return text, not differing and bool(matches)
