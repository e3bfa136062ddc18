# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From when on something about a server counts as wrong: the options of module fleet_status."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .._common.durations import DurationError, parse_duration

OPTIONS: Dict[str, Dict[str, Any]] = {
    "expiring_within": {"type": "str", "default": "30d"},
    "backup_older_than": {"type": "str"},
    "sync_older_than": {"type": "str"},
    "fail_when_outdated": {"type": "bool", "default": False},
    "fail_on_warnings": {"type": "bool", "default": False},
}
_DURATIONS = ("expiring_within", "backup_older_than", "sync_older_than")


class Thresholds(NamedTuple):
    """From when on something counts as wrong; durations in seconds, None: never."""

    expiring_within: float = 30 * 86400.0
    backup_older_than: Optional[float] = None
    sync_older_than: Optional[float] = None
    fail_when_outdated: bool = False
    fail_on_warnings: bool = False

    def failing(self, status: Mapping[str, Any]) -> str:
        """Return why a host is to fail, by its status; empty where it is not."""
        texts = [str(status["problem"])] if status.get("problem") else []
        texts += map(str, status.get("warnings") or []) if self.fail_on_warnings else []
        return " ".join(texts)


def duration_faults(params: Mapping[str, Any]) -> List[str]:
    """Return what is wrong with the durations among the options."""
    faults = []
    for name in _DURATIONS:
        try:
            parse_duration(params.get(name) or "0s")
        except DurationError as error:
            faults.append(f"{name}: {error}")
    return faults


def read_thresholds(params: Mapping[str, Any]) -> Thresholds:
    """Return the thresholds that the options set. Raises ``DurationError``."""
    durations = {name: parse_duration(params[name]) for name in _DURATIONS if params.get(name)}
    flags = {name: bool(params.get(name)) for name in ("fail_when_outdated", "fail_on_warnings")}
    return Thresholds(**durations, **flags)  # type: ignore[arg-type]
