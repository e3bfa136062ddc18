# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cause of a failed license sync, from the log of the server's api container. The Api's response has none."""

from __future__ import annotations

import math
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Union


class Diagnosis(NamedTuple):
    """A cause from the log. ``transient``: it goes away by itself, so that waiting helps."""

    cause: str
    message: str
    advice: str
    transient: bool


class NoDiagnosis(NamedTuple):
    """The log could not be read, for this reason."""

    reason: str


# What the log says; None where it has no failure of that time.
Found = Union[Diagnosis, NoDiagnosis, None]
# diagnose(id of the organization, seconds since the request) -> what the log says
Diagnose = Callable[[str, float], Found]

_LONGEST_REASON = 300  # characters
LOG_MARGIN = 3  # seconds; log lines carry the engine's clock


def log_options(bwdata: str, organization_id: str, seconds: float) -> Dict[str, str]:
    """Return the options of module ``sync_log_info`` for the failures of the last seconds."""
    return {"bwdata": bwdata, "organization": organization_id, "since": f"{math.ceil(seconds) + LOG_MARGIN}s"}


def read_log_result(result: Mapping[str, Any]) -> Found:
    """Return the newest license failure in a result of ``sync_log_info``."""
    if result.get("failed") or result.get("unreachable") or "failures" not in result:
        return no_access(str(result.get("msg") or "no access to the host"))
    failures = [item for item in result["failures"] if item.get("kind", "license") == "license"]
    if not failures:
        return None
    newest = sorted(failures, key=lambda item: str(item.get("time") or ""))[-1]
    return Diagnosis(
        cause=str(newest["cause"]),
        message=str(newest.get("message") or ""),
        advice=str(newest.get("advice") or ""),
        transient=bool(newest.get("transient")),
    )


def no_access(text: str) -> NoDiagnosis:
    """Return the reason for which the log was not read, on one line, without ssh's debug output."""
    lines = [line.strip() for line in text.replace("\r", "").split("\n")]
    told = [line for line in lines if line and not line.startswith(("debug1:", "debug2:", "debug3:", "OpenSSH_"))]
    return NoDiagnosis(" ".join(" ".join(told).split())[-_LONGEST_REASON:])


def usable(found: Found) -> Optional[Diagnosis]:
    """Return the diagnosis if it names a cause."""
    return found if isinstance(found, Diagnosis) and found.cause != "unknown" else None
