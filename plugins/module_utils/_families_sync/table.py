# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a fleet: a short row for each host, and below it every problem and warning in full, once."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional, Sequence, Tuple

from .._common.durations import rounded_duration

Status = Mapping[str, Any]

COLUMNS = (
    "host",
    "version",
    "available",
    "cloud",
    "token",
    "last sync",
    "license expiry",
    "sponsorships",
    "backup",
    "certificate",
    "changed",
    "result",
)
#: Shown only where something in them is known.
OPTIONAL = ("available", "backup", "certificate")
#: The same in a table of hosts on which no sync ran.
OF_SYNC = ("cloud", "token", "last sync", "license expiry", "sponsorships")
UNKNOWN = "-"
OK, WARNING, FAILED, UNTOUCHED = "ok", "warning", "failed", "not touched"
_RESTART = "restart"
_CHECK_MODE = "Check mode: nothing was changed. What is in brackets would be."
_DOWNTIME = "A restart takes about a minute, in which the server does not respond."


def table_lines(hosts: Mapping[str, Optional[Status]], optional: Sequence[str] = OPTIONAL) -> List[str]:
    """Return the lines for ``{host: bitwarden_status}``; a host without a status was not touched.

    ``optional`` columns are only shown where something in them is known.
    """
    rows = _shown([_row(name, status or {}) for name, status in hosts.items()], optional)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    lines.insert(1, "-+-".join("-" * width for width in widths))
    predicted = [status for status in hosts.values() if status and status.get("predicted")]
    if predicted:
        restarts = any(_RESTART in _actions(status) for status in predicted)
        lines += ["", f"{_CHECK_MODE} {_DOWNTIME}" if restarts else _CHECK_MODE]
    texts = [line for name, status in hosts.items() for line in _texts(name, status or {})]
    return [*lines, "", *texts] if texts else lines


def _shown(rows: List[Tuple[str, ...]], optional: Sequence[str]) -> List[Tuple[str, ...]]:
    """Return the rows with their heading, without optional columns of which nothing is known."""
    known = [any(row[number] != UNKNOWN for row in rows) for number in range(len(COLUMNS))]
    kept = [number for number, name in enumerate(COLUMNS) if name not in optional or known[number]]
    return [tuple(row[number] for number in kept) for row in (COLUMNS, *rows)]


def _row(name: str, status: Status) -> Tuple[str, ...]:
    if not status:
        return (name, *[UNKNOWN] * (len(COLUMNS) - 2), UNTOUCHED)
    return (
        name,
        str(status.get("version") or UNKNOWN),
        str(status.get("available_version") or UNKNOWN),
        _word(status.get("cloud_communication"), "on", "off"),
        _word(status.get("token"), "set", "none"),
        _time(status, "last_sync", "never"),
        _time(status, "license_expires", "none"),
        _sponsorships(status.get("sponsorships")),
        _age((status.get("backup") or {}).get("age")),
        _days((status.get("certificate") or {}).get("days_left")),
        _changed(status),
        FAILED if status.get("problem") else WARNING if status.get("warnings") else OK,
    )


def _texts(name: str, status: Status) -> List[str]:
    """Return what is wrong with a host, each as one line."""
    found = [(FAILED, status.get("problem"))] if status.get("problem") else []
    found += [(WARNING, warning) for warning in status.get("warnings") or []]
    return [f"{name}: {kind}: {' '.join(str(text).split())}" for kind, text in found]


def _changed(status: Status) -> str:
    """Return what changed; in check mode in brackets, as it is a prediction."""
    if not status.get("changed"):
        return UNKNOWN if status.get("changed") is None else "no"
    text = ", ".join(_actions(status)) or "yes"
    return f"({text})" if status.get("predicted") else text


def _actions(status: Status) -> List[str]:
    return [str(action) for action in status.get("actions") or []]


def _sponsorships(found: Optional[Status]) -> str:
    if not found:
        return UNKNOWN
    # Other members' own sponsorships are not visible, but they have a date.
    if not found.get("visible") and not found.get("last_sync"):
        return "none"
    return _time(found, "last_sync", "never") + (" (overdue)" if found.get("overdue") else "")


def _age(seconds: Any) -> str:
    return UNKNOWN if seconds is None else rounded_duration(seconds)


def _days(left: Any) -> str:
    return UNKNOWN if left is None else f"{left}d" if left >= 0 else "expired"


def _word(value: Any, yes: str, no: str) -> str:
    return UNKNOWN if value is None or value == "" else yes if value else no


def _time(status: Status, key: str, null: str) -> str:
    """Format a UTC ISO 8601 time to the minute; ``null`` where the server has none, ``-`` where it was not asked."""
    if key not in status:
        return UNKNOWN
    value = status[key]
    return str(value)[:16].replace("T", " ") if value else null
