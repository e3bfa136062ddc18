# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read on the server's host beside the API: failed syncs in the log, the license file."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, Mapping, NamedTuple, Optional, Union

from .._api.subscription import UNKNOWN, License, judge_file
from .._sync_log.license_diagnosis import Diagnose, Diagnosis, NoDiagnosis, log_options, no_access, read_log_result

# read_on_host(name of an info module, its options) -> its result; {"failed": True, "msg": …} without access
ReadOnHost = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]


class OnHost(NamedTuple):
    """The installation and the organization's license file, as module ``server_info`` returns them."""

    installation_id: Optional[str]
    file: Mapping[str, Any]


class NotOnHost(NamedTuple):
    """The reason for which the host could not be inspected."""

    reason: str


#: The user turned the inspection off, and needs no warning of it.
NOT_ALLOWED = NotOnHost("inspect is off.")

Inspect = Callable[[str], Union[OnHost, NotOnHost]]


class Inspection:
    """An inspection of one organization's license file that asks the host once; ``again`` asks it each time."""

    def __init__(self, inspect: Inspect) -> None:
        self.again = inspect
        self.found: Union[OnHost, NotOnHost, None] = None

    def __call__(self, organization: str) -> Union[OnHost, NotOnHost]:
        """Return what was found when first asked."""
        if self.found is None:
            self.found = self.again(organization)
        return self.found


def no_inspection(_organization: str) -> Union[OnHost, NotOnHost]:
    """Stand for an inspection where there is no access to the host."""
    return NotOnHost("no access to the host")


def read_server_info(result: Mapping[str, Any]) -> Union[OnHost, NotOnHost]:
    """Read the result of module ``server_info`` for one organization; a failed one has the facts that could be read."""
    licenses = result.get("licenses")
    if result.get("unreachable") or not licenses:
        return NotOnHost(no_access(str(result.get("msg") or "no access to the host")).reason)
    return OnHost(result.get("installation_id"), licenses[0])


def diagnosis_by(read_on_host: ReadOnHost, bwdata: str) -> Diagnose:
    """Return a diagnosis of license syncs that reads the server's log."""

    def diagnose(organization: str, seconds: float) -> Union[Diagnosis, NoDiagnosis, None]:
        return read_log_result(read_on_host("sync_log_info", log_options(bwdata, organization, seconds)))

    return diagnose


def inspection_by(read_on_host: ReadOnHost, bwdata: str, allowed: bool = True) -> Inspect:
    """Return an inspection of an organization's license file, if that is ``allowed``."""

    def inspect(organization: str) -> Union[OnHost, NotOnHost]:
        if not allowed:
            return NOT_ALLOWED
        # At high verbosity ssh prints all that a module returns.
        options = {"bwdata": bwdata, "organization": organization, "show_settings": False, "gather": []}
        return read_server_info(read_on_host("server_info", options))

    return inspect


def decided_on_host(license_: License, inspect: Inspect, organization: str, now: datetime, warning: float) -> License:
    """Return the license; where the API leaves its state unknown, the file on the host decides, if it can be read."""
    if license_.state != UNKNOWN:
        return license_
    inspected = inspect(organization)
    return judge_file(license_, inspected.file, now, warning) if isinstance(inspected, OnHost) else license_


def sponsorship_failure(read_on_host: ReadOnHost, bwdata: str, organization: str) -> Optional[Dict[str, Any]]:
    """Return the newest failed sync of sponsorships in the server's log; ``None`` if there is none, or no access."""
    result = read_on_host("sync_log_info", {"bwdata": bwdata, "organization": organization, "kind": "sponsorship"})
    failures = sorted(result.get("failures") or [], key=lambda one: str(one.get("time") or ""))
    if result.get("failed") or not failures:
        return None
    newest = failures[-1]
    shown = {name: newest.get(name) for name in ("time", "cause", "message", "advice")}
    return {**shown, "transient": bool(newest.get("transient"))}
