# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Replaying the setup tool's rewrites, and the table of settings."""

from __future__ import annotations

import re
from typing import Any, Dict, List

from standin.settings_binding import known_settings
from standin.setup_rewrite import rewrite

from .recordings import Recording
from .report import FileReport

_NOT_UTF8 = re.compile(rb"\\x([89a-f][0-9a-f])")
_MADE_UP = re.compile(
    r"^(globalSettings__(?:internalIdentityKey|oidcIdentityClientKey|duo__aKey)=)\w{64}$|(Password=)\w{32}(;)"
)


def replay_rewrites(recording: Recording) -> FileReport:
    """Rewrite every file, and compare it with what was recorded after."""
    report = FileReport(recording.name)
    for item in recording.items:
        before: str = item["before"]
        raw = _NOT_UTF8.sub(lambda match: bytes([int(match.group(1), 16)]), before.encode())
        got = rewrite(raw, _config(item["name"])).decode()
        report.add(item["name"], _differences(before, item["after"], got))
    return report


def replay_settings(recording: Recording) -> FileReport:
    """Compare the settings that the stand-in binds with those that the real server binds: exactly the same."""
    report = FileReport(recording.name)
    known = known_settings()
    for name in sorted(set(known) | set(recording.items)):
        wanted, got = recording.items.get(name), known.get(name)
        report.add(name, [] if wanted == got else [f"recorded {wanted}, got {got}"])
    return report


def _config(name: str) -> Dict[str, Any]:
    """Return ``config.yml`` as installed, except where the recording's name says otherwise."""
    url = "https://new.example.com" if "url changed in config.yml" in name else "http://bw.example.com"
    return {"url": url, "push_notifications": not name.startswith("push notifications off")}


def _differences(before: str, wanted: str, got: str) -> List[str]:
    lines = [[_settled(line, before) for line in text.split("\n")] for text in (wanted, got)]
    if lines[0] == lines[1]:
        return []
    for one, other in zip(*lines):
        if one != other:
            return [f"recorded {one!r}, got {other!r}"]
    return [f"recorded {len(lines[0])} lines, got {len(lines[1])}"]


def _settled(line: str, before: str) -> str:
    """Replace what the tool made up, which differs at each run; what stood there before does not."""
    if line in before.splitlines():
        return line
    return _MADE_UP.sub(lambda match: (match.group(1) or match.group(2)) + "(made up)", line)
