# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what the role's tasks registered on a host to its status (action families_sync_status)."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence

from .status import Result, summarize

_SYNC = "sync"
#: Step in which the module organization failed -> what that step is called.
_ORGANIZATION_STEPS = {
    "read": "Wait for the API",
    "license": "Update the license",
    "fetch": "Fetch the billing sync token",
    "token": "Save the billing sync token",
    _SYNC: "Sync the license",
}
_VALIDATION = re.compile(r"Validating arguments .*")
# The module reads these only where it needs them; null says nothing then.
_SPARSE = ("version", "cloud_communication")
_FALLBACK = "failed without a message"


def status_of(variables: Mapping[str, Any], failed: bool, check_mode: bool) -> Dict[str, Any]:
    """Return ``bitwarden_status``; ``variables`` are those of the host, ``failed`` whether a task has failed on it."""
    return summarize(
        {
            "preflight": _registered(variables, "connectivity"),
            "server": _registered(variables, "server"),
            "fetch": _registered(variables, "token"),
            "organization": merge_calls(_calls(variables)),
        },
        problem=problem_of(variables) if failed else "",
        predicted=check_mode,
    )


def problem_of(variables: Mapping[str, Any]) -> str:
    """Return which task failed on the host and why.

    A host can be without a failure of its own: another's failure ended it (``any_errors_fatal``).
    """
    task = str((variables.get("ansible_failed_task") or {}).get("name") or "Ended")
    result = variables.get("ansible_failed_result") or {"msg": "another host failed"}
    name = _ORGANIZATION_STEPS.get(str(result.get("step")), task.rpartition(" : ")[2])
    errors = result.get("argument_errors") or []
    text = "; ".join(str(error) for error in errors) or str(result.get("msg") or _FALLBACK)
    text = f"{_VALIDATION.sub('Check the variables', name)}: {text}"
    return " ".join([*(_connectivity_problems(variables) if result.get("step") == _SYNC else []), text])


def _connectivity_problems(variables: Mapping[str, Any]) -> List[str]:
    """Return what the checks before the change found, as a sync that fails then follows from it."""
    found = _registered(variables, "server").get("preflight") or {}
    return [f"Cloud connectivity: {problem}" for problem in found.get("problems") or []]


def merge_calls(calls: Sequence[Result]) -> Result:
    """Return one result for the calls of the module organization on a host: the facts of the last, all changes."""
    merged: Dict[str, Any] = {}
    changes: List[Any] = []
    for call in calls:
        changes += call.get("changes") or []
        # A call that failed before it read anything does not take away what an earlier one has read.
        if call.get("reachable") or not merged:
            merged.update({key: value for key, value in call.items() if value is not None or key not in _SPARSE})
    if merged:
        merged.update(changes=changes, changed=any(bool(call.get("changed")) for call in calls))
    return merged


def _calls(variables: Mapping[str, Any]) -> List[Result]:
    first = _registered(variables, "organization")
    # Without a second pass its results are those of an earlier use of the role on this host.
    later = first.get("license_required") or _registered(variables, "plan").get("rotate")
    second = [_registered(variables, name) for name in ("upload", "completion")] if later else []
    return [call for call in (first, *second) if call]


def _registered(variables: Mapping[str, Any], name: str) -> Result:
    result = variables.get(f"families_sync_{name}") or {}
    return {} if result.get("skipped") else result
