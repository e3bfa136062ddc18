# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what the role's tasks registered on a host to its status (action families_sync_status)."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, Sequence

from .._licenses.problems import VERSION
from .status import Result, summarize
from .unchanged import as_organization
from .updates import module_warnings, update_advice, update_helps

#: The key of a result that says why the server has to be updated first.
REFUSED = "update_required"
#: The key of a result that has what was gathered on the host.
SERVER_INFO = "server_info"
_SYNC = "sync"
#: Step in which the module organization failed -> what that step is called.
_ORGANIZATION_STEPS = {
    "read": "Wait for the API",
    "license": "Update the license",
    "fetch": "Fetch the billing sync token",
    "token": "Save the billing sync token",
    _SYNC: "Sync the license",
}
_CHECK = "Check the variables"
_VALIDATION = re.compile(r"Validating arguments .*")
# The module reads these only where it needs them; null says nothing then.
_SPARSE = ("version", "cloud_communication")
_FALLBACK = "failed without a message"
_NOT_GATHERED = "What bitwarden_gather asks for could not be gathered on the host: {reason}"


def status_of(variables: Mapping[str, Any], problem: str, check_mode: bool) -> Dict[str, Any]:
    """Return ``bitwarden_status``; ``variables`` are those of the host, ``problem`` what went wrong on it."""
    gathered = _registered(variables, "organization").get(SERVER_INFO) or {}
    status = summarize(
        {
            "preflight": _registered(variables, "connectivity"),
            "server": _registered(variables, "server"),
            "fetch": _fetched(variables),
            "organization": _organization(variables, check_mode),
            "update": updated(variables),
            SERVER_INFO: gathered,
        },
        problem=problem,
        predicted=check_mode,
    )
    status["warnings"] = list(dict.fromkeys([*status["warnings"], *_not_gathered(gathered)]))
    return status


def _not_gathered(result: Result) -> List[str]:
    """Return what the module warns of, and why the status lacks what was to be gathered, which fails no run."""
    failed = result.get("failed") or result.get("unreachable")
    failures = [_NOT_GATHERED.format(reason=result.get("msg") or _FALLBACK)] if failed else []
    unknown = result.get("unknown") or {}
    # Of the available version the module itself warns.
    reasons = [str(unknown[name]) for name in ("certificate", "backup") if unknown.get(name)]
    return [*module_warnings(result), *reasons, *failures]


def updated(variables: Mapping[str, Any]) -> Result:
    """Return the update that a step of the role has asked for; nothing for one that another play has made."""
    calls = organization_calls(variables)
    refused = any(call.get(REFUSED) for call in calls) or _registered(variables, "upload").get("cause") == VERSION.cause
    update: Result = variables.get("update_made") or {}
    return update if refused else {}


def _organization(variables: Mapping[str, Any], check_mode: bool) -> Result:
    """Return the calls of the module organization as one.

    In check mode a license that the server is too old for counts as uploaded, after the update that is predicted.
    """
    merged = merge_calls(organization_calls(variables))
    if not (check_mode and updated(variables).get("changed")):
        return merged
    changes = [*(merged.get("changes") or []), {"key": "license", "action": "changed"}]
    return {**merged, "changes": changes, "changed": True, "problems": []}


def problem_of(variables: Mapping[str, Any]) -> str:
    """Return which task failed on the host and why.

    A host can be without a failure of its own: another's failure ended it (``any_errors_fatal``, a check that failed).
    """
    plan = variables.get("families_sync_plan") or {}
    if plan.get("failed"):
        return check_problem(plan, str(variables.get("inventory_hostname")))
    task = str((variables.get("ansible_failed_task") or {}).get("name") or "Ended")
    return failure_text(task, variables.get("ansible_failed_result") or {"msg": "another host failed"}, variables)


def check_problem(result: Result, host: str) -> str:
    """Return what the check of all hosts found on one."""
    faults = result.get("faults") or {}
    own = " ".join(faults.get(host) or [])
    others = f"nothing was done, as the variables of other hosts cannot be used ({', '.join(faults)})."
    return f"{_CHECK}: {own or (others if faults else result.get('msg'))}"


def failure_text(task: str, result: Result, variables: Mapping[str, Any]) -> str:
    """Return what a failed task says, and on which step, in the words of the role."""
    if result.get("faults"):
        return check_problem(result, str(variables.get("inventory_hostname")))
    name = _ORGANIZATION_STEPS.get(str(result.get("step")), task.rpartition(" : ")[2])
    errors = result.get("argument_errors") or []
    text = "; ".join(str(error) for error in errors) or str(result.get("msg") or _FALLBACK)
    advice = update_advice(updated(variables)) if update_helps(result) else ""
    text = f"{_VALIDATION.sub(_CHECK, name)}: {text}{'' if text.endswith(advice) else f' {advice}'}"
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


def organization_calls(variables: Mapping[str, Any]) -> List[Result]:
    """Return the calls of the module organization on a host so far; the last can have been in the second pass."""
    last = as_organization(_registered(variables, "organization"))
    uploads = [_registered(variables, name) for name in ("upload", "upload_again")]
    uploads = uploads if last.get("license_required") else []
    return [call for call in (last.get("first_pass") or {}, last, *uploads) if call]


def _fetched(variables: Mapping[str, Any]) -> Result:
    """Return the fetch of the organization's token, if it was this host that fetched."""
    plans = _registered(variables, "plan").get("hosts") or {}
    host = variables.get("inventory_hostname")
    source = (plans.get(host) or {}).get("token_source")
    tokens = _registered(variables, "tokens")
    if not source or (tokens.get("hosts") or {}).get(source) != host:
        return {}
    result: Result = (tokens.get("tokens") or {}).get(source) or {}
    return result


def _registered(variables: Mapping[str, Any], name: str) -> Result:
    result = variables.get(f"families_sync_{name}") or {}
    return {} if result.get("skipped") else result
