# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the registered results of a host's steps to its status, for the playbooks that end with the fleet's table."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional

from .._common.dates import parse_date
from .._common.durations import format_duration
from .._families_sync.updates import module_warnings, running_version, update_actions

Result = Mapping[str, Any]

#: The failed result that a rescue has noted (``ansible_failed_result``); the other keys are steps.
FAILURE = "failure"
_SERVICE = "api"
_NO_MESSAGE = "failed without a message"


def run_status(results: Mapping[str, Optional[Result]], predicted: bool, now: datetime) -> Dict[str, Any]:
    """Return the status of a host for ``{step: registered result}``; nothing for a host that no step ran on.

    A step that did not run is left out, empty or skipped. ``predicted``: the results are those of check mode.
    """
    ran = {name: result for name, result in results.items() if result and not result.get("skipped")}
    steps = {name: ran.get(name) or {} for name in STEPS}
    if not ran:
        return {}
    changed = any(bool(result.get("changed")) for result in ran.values())
    status: Dict[str, Any] = {
        "version": running_version(steps["update"], predicted) or _first(map(_version, reversed(list(steps.values())))),
        "changed": changed,
        "actions": [action for name, result in steps.items() for action in STEPS[name](result)],
        "predicted": predicted and changed,
        "warnings": list(dict.fromkeys(one for result in ran.values() for one in module_warnings(result))),
        "problem": _problem(ran),
    }
    if "cloud_communication" in steps["server"]:
        status["cloud_communication"] = steps["server"]["cloud_communication"]
    backup = _backup(steps["backup"], now)
    return {**status, "backup": backup} if backup else status


def _problem(ran: Mapping[str, Result]) -> str:
    """Return why the host failed; empty where it did not."""
    for name, result in ran.items():
        if name == FAILURE or result.get("failed") or result.get("unreachable"):
            errors = "; ".join(str(error) for error in result.get("argument_errors") or [])
            text = errors or str(result.get("msg") or _NO_MESSAGE)
            return f"unreachable: {text}" if result.get("unreachable") else text
    return ""


def _version(result: Result) -> Optional[str]:
    """Return the version of the server by what a step returns: itself, the running services, or the new backup set."""
    images = [str(one.get("image") or "") for one in result.get("services") or [] if one.get("name") == _SERVICE]
    tags = [image.rpartition(":")[2] for image in images if ":" in image.rpartition("/")[2]]
    of_set = _part(_part(result, "manifest"), "versions").get("core")
    return _first([result.get("version"), *tags, of_set])


def _backup(result: Result, now: datetime) -> Optional[Dict[str, Any]]:
    """Return the verified set that there is after the step, as module server_info tells of the last one."""
    manifest = _part(result, "manifest")
    created, how = parse_date(manifest.get("created")), _part(manifest, "verified").get("how")
    if created is None or how in (None, "none"):
        return None
    age = max(0, int((now - created).total_seconds()))
    return {"created": manifest["created"], "age": age, "verified": how}


def _backup_actions(result: Result) -> List[str]:
    fetch = _part(result, "fetch")
    found = ["backup"] if result.get("made") else []
    found += ["old sets removed"] if result.get("removed") or fetch.get("removed") else []
    return found + (["fetch"] if fetch.get("fetched") else [])


def _restore_actions(result: Result) -> List[str]:
    if not result.get("changed"):
        return []
    if "created" not in result:
        return [] if result.get("failed") else ["drill removed"]
    what, seconds = "drill" if "project" in result else "restore", result.get("duration")
    took = "" if seconds is None else f" in {format_duration(seconds)}"
    found = [f"{what} of {str(result['created'] or '')[:16].replace('T', ' ')}{took}"]
    return found + (["rollback"] if result.get("rolled_back") else [])


def _install_actions(result: Result) -> List[str]:
    return ["install"] if result.get("changed") else []


def _server_actions(result: Result) -> List[str]:
    found = ["settings"] if result.get("changes") else []
    return found + (["start"] if result.get("changed") and not found else [])


def _first(values: Iterable[Any]) -> Optional[str]:
    return next((str(value) for value in values if value), None)


def _part(result: Result, name: str) -> Result:
    return result.get(name) or {}


#: Step -> what it did, or in check mode would do, in the words of the table.
STEPS: Mapping[str, Callable[[Result], List[str]]] = {
    "update": update_actions,
    "backup": _backup_actions,
    "restore": _restore_actions,
    "install": _install_actions,
    "server": _server_actions,
}
