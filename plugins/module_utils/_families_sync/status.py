# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the results of the steps to the fact ``bitwarden_status`` of one host."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from .._common.quotes import with_advice
from .updates import module_warnings, running_version, update_actions

Result = Mapping[str, Any]

#: The steps whose results are summed up; a playbook of one's own may call the modules one by one.
STEPS = (
    "update", "preflight", "server", "server_info", "info", "log", "fetch", "organization", "upload", "billing",
    "license",
)  # fmt: skip
#: Change that the module organization names -> what it is called in the table; other modules' results are of one kind.
_ACTIONS = {
    "license": "license",
    "enabled": "license",
    "billing_sync_token": "token",
    "last_license_sync": "license sync",
}
_CHANGING = ("update", "server", "fetch", "organization", "upload", "billing", "license")


def summarize(results: Mapping[str, Optional[Result]], problem: str = "", predicted: bool = False) -> Dict[str, Any]:
    """Return ``bitwarden_status`` for ``{step: result}``; a step that did not run is left out or empty.

    ``predicted``: the results are those of check mode, so the API's facts are from before the changes of ``server``.
    """
    step = {name: results.get(name) or {} for name in STEPS}
    facts = step["organization"] if step["organization"].get("reachable") else step["info"]
    reachable = bool(facts.get("reachable"))
    connection = _part(step["billing"], "connection").get("after") or _part(facts, "connection")
    problems = _organization_problems(step, facts)
    status: Dict[str, Any] = {
        "version": _version(step, facts, predicted),
        "cloud_communication": _cloud_communication(step["server"], facts, predicted),
        "token": _token(step["organization"], connection, reachable),
        "sponsorships": _sponsorships(facts),
        "changed": any(bool(step[name].get("changed")) for name in _CHANGING),
        "actions": _actions(step),
        "predicted": predicted,
        "restarted": bool(step["server"].get("restarted")),
        "warnings": [
            *module_warnings(step["update"]),
            *_preflight_problems(step),
            *(problems if problem else []),
            *_expiry_warnings(step, facts),
            *_sync_warnings(step, facts, predicted),
            *_sponsorship_warnings(facts, step["log"]),
        ],
        "problem": problem or " ".join(problems),
    }
    if reachable:
        status["last_sync"] = facts.get("last_license_sync")
        status["license_expires"] = _part(facts, "license").get("expires")
    status.update(_later_dates(step))
    status.update(_of_host(step["server_info"]))
    return status


def _version(step: Mapping[str, Result], facts: Result, predicted: bool) -> Optional[str]:
    # What the API said may be from before the update.
    seen = [running_version(step["update"], predicted), facts.get("version")]
    seen += [step[name].get("version") for name in ("server", "server_info")]
    return next((str(version) for version in seen if version), None)


def _of_host(server_info: Result) -> Dict[str, Any]:
    """Return what only module server_info gathers; nothing where it did not run, or failed before it gathered any."""
    if "available_versions" not in server_info:
        return {}
    backup, certificate = _part(server_info, "backup"), _part(server_info, "certificate")
    return {
        "available_version": _part(server_info, "available_versions").get("core"),
        "backup": {name: backup.get(name) for name in ("created", "age", "verified")} if backup else None,
        "certificate": {name: certificate.get(name) for name in ("expires", "days_left")} if certificate else None,
    }


def _actions(step: Mapping[str, Result]) -> List[str]:
    """Return what was done, in the order of the steps; in check mode what would be."""
    server, fetch = step["server"], step["fetch"]
    found = update_actions(step["update"])
    found += ["settings"] if server.get("changes") else []
    found += ["config.yml"] if _part(server, "config").get("rebuilt") else []
    found += ["certificate"] if _part(server, "certificate").get("changed") else []
    found += ["restart"] if server.get("restarted") else []
    found += ["rollback"] if server.get("rolled_back") else []
    if fetch.get("changed"):
        found.append("token rotated" if fetch.get("action") == "rotated" else "token created")
    found += [_ACTIONS.get(str(change.get("key")), "") for change in step["organization"].get("changes") or []]
    for name, action in (("upload", "license"), ("billing", "token"), ("license", "license sync")):
        found += [action] if step[name].get("changed") else []
    return [action for action in dict.fromkeys(found) if action]


def _token(organization: Result, connection: Result, reachable: bool) -> Optional[bool]:
    """Return whether the server holds a token; in check mode whether it would."""
    saved = [change for change in organization.get("changes") or [] if change.get("key") == "billing_sync_token"]
    if saved:
        return True
    known: Optional[bool] = connection.get("billing_sync_token_set", False if reachable else None)
    return known


def _later_dates(step: Mapping[str, Result]) -> Dict[str, Any]:
    """Return the dates that single modules report for after their changes."""
    dates: Dict[str, Any] = {}
    uploaded = _part(_part(step["upload"], "license"), "after")
    if uploaded.get("expires"):
        dates["license_expires"] = uploaded["expires"]
    # Saving a token can set the last sync back to never.
    saved = _part(step["billing"], "connection").get("after")
    if saved:
        dates["last_sync"] = saved.get("last_license_sync")
    for key, name in (("last_sync", "last_license_sync"), ("license_expires", "license_expires")):
        # A prediction knows no time after the sync: the one from before stands.
        times = _part(step["license"], name)
        if times:
            dates[key] = times.get("after") or times.get("before")
    return dates


def _organization_problems(step: Mapping[str, Result], facts: Result) -> List[str]:
    """Return what is wrong with organization or license after the steps, and what no step has mended."""
    if step["license"].get("problems") is not None:
        return list(step["license"]["problems"])
    if step["upload"].get("uploaded"):  # since the facts were read
        return []
    if facts.get("problems") is not None:
        return list(facts["problems"])
    disabled = _part(facts, "organization").get("enabled") is False
    license_ = _part(facts, "license")
    bad = license_.get("state") not in (None, "ok", "expiring", "grace")
    return [
        *(["The organization is disabled on the server."] if disabled else []),
        *([str(license_.get("message") or f"The license is {license_.get('state')}.")] if bad else []),
    ]


def _expiry_warnings(step: Mapping[str, Result], facts: Result) -> List[str]:
    """Return the warning of a license that ends soon; of one uploaded since the facts were read nothing is known."""
    if step["upload"].get("uploaded") and not step["license"]:
        return []
    license_ = _part(step["license"], "license") or _part(facts, "license")
    ends_soon = license_.get("state") in ("expiring", "grace")
    return [with_advice(str(license_.get("message")), license_.get("advice") or "")] if ends_soon else []


def _sync_warnings(step: Mapping[str, Result], facts: Result, predicted: bool) -> List[str]:
    """Return why no license can be synced, if ``organization_info`` says so and no later step may have mended it."""
    text = facts.get("sync_problem")
    later = any(step[name] for name in ("organization", "billing", "license"))
    later = later or (predicted and bool(step["server"].get("changed")))
    return [str(text)] if text and not later else []


def _preflight_problems(step: Mapping[str, Result]) -> List[str]:
    checked = step["preflight"] or _part(step["server"], "preflight")
    return list(checked.get("problems") or [])


def _cloud_communication(server: Result, facts: Result, predicted: bool) -> Optional[bool]:
    """Return what the running server says; in check mode the opposite where the server step would change it."""
    value = facts.get("cloud_communication")
    touched = [
        change for change in server.get("changes") or []
        if str(change.get("key", "")).lower().endswith("enablecloudcommunication")
    ]  # fmt: skip
    if touched and (value is None or predicted):
        return touched[-1].get("action") != "removed" if value is None else not value
    if value is None:
        value = server.get("cloud_communication")
    return None if value is None else bool(value)


def _sponsorships(facts: Result) -> Optional[Dict[str, Any]]:
    found = _part(facts, "sponsorships")
    return {name: found.get(name) for name in ("visible", "last_sync", "overdue")} if found else None


def _sponsorship_warnings(facts: Result, log: Result) -> List[str]:
    """Return what to say of sponsorships that are not synced, with the newest cause in the server's log."""
    found = _part(facts, "sponsorships")
    overdue, waiting = found.get("overdue"), found.get("visible") and not found.get("last_sync")
    failure = found.get("failure") or _newest_failure(log)
    obstacles = list(found.get("obstacles") or []) if found.get("visible") or found.get("last_sync") else []
    text = "The sponsorships' daily sync is overdue." if overdue else "The sponsorships were never synced."
    if obstacles:
        return [" ".join([*([text] if overdue or waiting else []), *obstacles])]
    if not overdue and not (waiting and failure):
        return []
    if failure:
        return [f"{text} It failed: {failure.get('message')} {failure.get('advice') or ''}".rstrip()]
    return [f"{text} {found.get('note') or ''}".rstrip()]


def _newest_failure(log: Result) -> Result:
    failures = [failure for failure in log.get("failures") or [] if failure.get("kind") == "sponsorship"]
    return failures[-1] if failures else {}


def _part(result: Result, name: str) -> Result:
    return result.get(name) or {}
