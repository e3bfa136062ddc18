# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From what was gathered about a host to its status: up or not, what is wrong with it, what is to be looked at."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Dict, List, Mapping, Optional, Tuple

from .._common.dates import parse_date
from .._common.durations import format_duration, rounded_duration
from .._common.versions import is_newer
from .._deployment.drift import BITWARDEN
from .._docker.containers import NOT_ASKED
from .._families_sync.status import summarize
from .._server_status.facts import AVAILABLE_VERSIONS, NOT_AVAILABLE, NOT_LOADED
from .thresholds import Thresholds

Result = Mapping[str, Any]

#: The steps of a host: what was gathered on it, and through its API.
SERVER, ORGANIZATION = "server_info", "organization_info"
_STEPS = {SERVER: "The host", ORGANIZATION: "The API"}
_RENEW = "Renew the subscription in the cloud, then sync or upload the license."
_REPLACE = "Replace the certificate on the server, and reload nginx."
_BACK_UP = "Make a backup (module selfhosted.bitwarden.backup)."
_SYNC = "Run the playbook selfhosted.bitwarden.families_sync."
_UP = "running"


def host_status(results: Mapping[str, Optional[Result]], thresholds: Thresholds, now: datetime) -> Dict[str, Any]:
    """Return the status of a host for ``{step: result}``; a step that did not run is left out, empty or skipped."""
    steps = {name: _ran(results.get(name)) for name in _STEPS}
    server, organization = steps[SERVER], steps[ORGANIZATION]
    status = summarize({"info": organization, SERVER: server})
    judged = _Judged(status, server, organization, thresholds, now)
    failures = _failures(steps)
    unhealthy = _unhealthy(server)
    status.update(
        licenses=_licenses(server, organization),
        services=_services(server, unhealthy),
        up=bool(server) and not failures and not unhealthy,
    )
    if status["sponsorships"]:
        status["sponsorships"]["counts"] = dict((organization.get("sponsorships") or {}).get("counts") or {})
    problems = [*failures, *judged.health(unhealthy), *([status["problem"]] if status["problem"] else [])]
    problems += [*judged.licenses(status["licenses"]), *judged.certificate(), *judged.backup(), *judged.sync()]
    problems += judged.version()
    status["warnings"] = list(dict.fromkeys([*status["warnings"], *judged.warnings]))
    status["problem"] = " ".join(dict.fromkeys(map(_sentence, problems)))
    return status


def _ran(result: Optional[Result]) -> Result:
    return {} if not result or result.get("skipped") else result


def _sentence(text: str) -> str:
    """Return a text that another one can follow."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _failures(steps: Mapping[str, Result]) -> List[str]:
    """Return which steps failed, and why."""
    if not steps[SERVER]:
        return ["Nothing was gathered on the host."]
    texts = []
    for name, result in steps.items():
        message = str(result.get("msg") or "no message").strip()
        if result.get("unreachable"):
            texts.append(f"The host is unreachable: {message}")
        elif result.get("failed"):
            texts.append(f"{_STEPS[name]}: {message}")
        elif result.get("reachable") is False:  # in check mode, which does not fail on it
            texts.append(f"{_STEPS[name]} does not answer.")
    return texts


def _unhealthy(server: Result) -> Dict[str, str]:
    """Return the services of Bitwarden's own that are not running, or not healthy, with what they are instead."""
    found = {}
    for one in server.get("services") or []:
        name, state = one.get("name"), str(one.get("state"))
        if one.get("health") == "unhealthy" and name not in NOT_ASKED:
            state = "unhealthy"
        if name in BITWARDEN and state != _UP:
            found[str(name)] = state
    return found


def _services(server: Result, unhealthy: Mapping[str, str]) -> Optional[Dict[str, Any]]:
    listed = server.get("services")
    if listed is None:
        return None
    return {"count": len({one.get("name") for one in listed}), "unhealthy": dict(unhealthy)}


def _licenses(server: Result, organization: Result) -> List[Dict[str, Any]]:
    """Return the licenses of the server by organization: the files on its disk, and what the API says of one."""
    found = {
        str(one.get("organization_id")): {
            "organization_id": str(one.get("organization_id")),
            "organization": "",
            "expires": one.get("expires"),
            "problem": str(one.get("problem") or ""),
            "asked": False,
        }
        for one in server.get("licenses") or []
    }
    asked, license_ = organization.get("organization") or {}, organization.get("license") or {}
    if asked:
        key = str(asked.get("id"))
        before = found.get(key, {"organization_id": key, "expires": None, "problem": ""})
        expires = license_.get("expires") or before["expires"]
        found[key] = {**before, "organization": str(asked.get("name") or ""), "expires": expires, "asked": True}
    return list(found.values())


class _Judged:
    """What is wrong with a host beyond what a step says; ``warnings`` is what is not wrong by the thresholds."""

    def __init__(
        self, status: Result, server: Result, organization: Result, thresholds: Thresholds, now: datetime
    ) -> None:
        self._status, self._server, self._organization = status, server, organization
        self._thresholds, self._now = thresholds, now
        self.warnings: List[str] = []

    def health(self, unhealthy: Mapping[str, str]) -> List[str]:
        """Return which services are down; of those that do not run on the settings in the files it warns."""
        stale = sorted(self._server.get("stale_services") or {})
        if stale:
            self.warnings.append(
                f"Services that do not run on the settings in the files: {', '.join(stale)}. Restart the server "
                "(module selfhosted.bitwarden.server)."
            )
        named = ", ".join(f"{name} ({state})" for name, state in unhealthy.items())
        return [f"Services that are not healthy: {named}. Read their logs (docker logs)."] if named else []

    def licenses(self, licenses: List[Dict[str, Any]]) -> List[str]:
        """Return which licenses end soon or cannot be used. Where the API tells of one, files of others are warned of.

        A license file stays on the disk when its organization is deleted.
        """
        problems: List[str] = []
        known = any(one["asked"] for one in licenses)
        for one in licenses:
            left, text = self._expiry(f"The license of {one['organization'] or one['organization_id']}", one["expires"])
            texts = [text + _RENEW] if text and not (one["asked"] and left < timedelta()) else []
            texts += [one["problem"]] if one["problem"] else []
            (problems if one["asked"] or not known else self.warnings).extend(texts)
        return problems

    def certificate(self) -> List[str]:
        """Return whether the certificate ends soon; of one that nginx has not loaded yet it warns."""
        found = self._server.get("certificate") or {}
        if found.get("loaded") is False:
            self.warnings.append(NOT_LOADED.format(path=found.get("path")))
        names = ", ".join(map(str, found.get("names") or []))
        _left, text = self._expiry(f"The certificate for {names}", found.get("expires"))
        return [text + _REPLACE] if text else []

    def backup(self) -> List[str]:
        """Return whether the last verified backup is too old, or not known."""
        limit = self._thresholds.backup_older_than
        created = parse_date((self._server.get("backup") or {}).get("created"))
        if limit is None or not self._server or self._server.get("unreachable"):
            return []
        if created is None:
            reason = (self._server.get("unknown") or {}).get("backup") or "No verified backup is known."
            return [f"{reason} {_BACK_UP}"]
        age = (self._now - created).total_seconds()
        old = f"{rounded_duration(age)} old, more than {format_duration(limit)}"
        return [f"The last verified backup is {old}. {_BACK_UP}"] if age > limit else []

    def sync(self) -> List[str]:
        """Return whether the last license sync is too long ago."""
        limit = self._thresholds.sync_older_than
        if limit is None or not self._organization.get("reachable"):
            return []
        synced = parse_date(self._organization.get("last_license_sync"))
        if synced is None:
            return [f"The license was never synced. {_SYNC}"]
        age = (self._now - synced).total_seconds()
        ago = f"{rounded_duration(age)} ago, more than {format_duration(limit)}"
        return [f"The last license sync was {ago}. {_SYNC}"] if age > limit else []

    def version(self) -> List[str]:
        """Return whether a newer version is available, where that is to fail; that it is not known it warns of."""
        reason = (self._server.get("unknown") or {}).get(AVAILABLE_VERSIONS)
        if reason:
            self.warnings.append(NOT_AVAILABLE.format(reason=reason))
        installed, available = self._status.get("version"), self._status.get("available_version")
        if not self._thresholds.fail_when_outdated or not is_newer(available, installed):
            return []
        return [f"Version {available} is available, and {installed} is installed. Update the server."]

    def _expiry(self, what: str, date: Any) -> Tuple[timedelta, str]:
        """Return how long it still is to a date, and what to say of it; nothing where that is long enough."""
        expires = parse_date(date)
        if expires is None:
            return timedelta.max, ""
        left = expires - self._now
        if left.total_seconds() > self._thresholds.expiring_within:
            return left, ""
        day = expires.strftime("%Y-%m-%d")
        if left < timedelta():
            return left, f"{what} expired on {day}. "
        return left, f"{what} expires in {rounded_duration(left.total_seconds())}, on {day}. "
