# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the api container's log tells about syncs with the cloud: which failed, why, and what to do about it."""

from __future__ import annotations

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from .._common.masking import mask_url_credentials
from .causes import find_cause

LICENSE = "license"
SPONSORSHIP = "sponsorship"

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00) ?")
_HEADER = re.compile(r"(trce|dbug|info|warn|fail|crit): (\S+)\[(\d+)\]\Z")
_CRASH = "Unhandled exception."
_SCOPE = re.compile(r"=> SpanId:(?P<span>[0-9a-f]+).*=> RequestPath:(?P<path>\S+)")
_SYNC_PATH = re.compile(r"/organizations/licenses/self-hosted/[0-9a-fA-F-]{36}/sync\b")

_LICENSE_SOURCE = "GetSelfHostedOrganizationLicenseQuery"
_SPONSORSHIP_SOURCE = "SelfHostedSyncSponsorshipsCommand"
_JOB = "SelfHostedSponsorshipSyncJob"
_JOB_FAILED = re.compile(r"Sponsorship sync for organization (?P<name>.*) Failed\Z")


class Entry(NamedTuple):
    """One entry of the console: its time (UTC, as in ``2026-11-22T10:00:00Z``; None without), who wrote it, its lines.

    ``scope`` is the request it belongs to, as (span, path); None outside of requests.
    """

    time: Optional[str]
    source: str
    lines: List[str]
    scope: Optional[Tuple[str, str]]


class Failure(NamedTuple):
    """A sync that failed. ``organization``: the id for a license, the name for sponsorships (the log has no other)."""

    time: Optional[str]
    kind: str
    organization: Optional[str]
    cause: str
    message: str
    advice: str
    transient: bool


def parse_entries(text: str) -> List[Entry]:
    """Cut a console into its entries. Each line may begin with the time that ``docker logs --timestamps`` gives."""
    entries: List[Entry] = []
    for raw in text.splitlines():
        stamp = _TIME.match(raw)
        line = raw[stamp.end() :] if stamp else raw
        time = f"{stamp.group(1)}Z" if stamp else None
        header = _HEADER.match(line.rstrip())
        if header:
            entries.append(Entry(time, header.group(2), [], None))
        elif line.startswith(_CRASH):
            entries.append(Entry(time, "", [line.strip()], None))
        elif entries:
            entries[-1] = _with_line(entries[-1], line.strip())
    return entries


def _with_line(entry: Entry, line: str) -> Entry:
    if line.startswith("=> "):
        scope = _SCOPE.search(line)
        return entry._replace(scope=(scope.group("span"), scope.group("path"))) if scope else entry
    if line:
        entry.lines.append(line)
    return entry


def find_failures(text: str) -> List[Failure]:
    """Return all failed syncs in a console, oldest first.

    The entries of one request make one failure; a job's are those of the command since the last organization's.
    """
    failures: List[Failure] = []
    requests: Dict[Tuple[str, str], List[Entry]] = {}
    loose: List[Entry] = []
    job: List[Entry] = []
    for entry in parse_entries(text):
        if entry.source.endswith(_JOB):
            found = _JOB_FAILED.match(entry.lines[0]) if entry.lines else None
            if found:
                failures.append(_failure(SPONSORSHIP, found.group("name"), [*job, entry]))
                job = []
        elif entry.source.endswith(_SPONSORSHIP_SOURCE):
            # Information such as "No existing sponsorships" is about another organization.
            if entry.lines and _is_telling(entry.lines):
                job.append(entry)
        elif entry.scope and _SYNC_PATH.search(entry.scope[1]):
            requests.setdefault(entry.scope, []).append(entry)
        elif entry.source.endswith(_LICENSE_SOURCE) and entry.scope is None:
            loose.append(entry)
    for (_span, path), entries in requests.items():
        if any(entry.lines for entry in entries):
            failures.append(_failure(LICENSE, path.split("/")[4].lower(), entries))
    if loose:
        failures.append(_failure(LICENSE, None, loose))
    return sorted(failures, key=lambda failure: failure.time or "")


def _is_telling(lines: List[str]) -> bool:
    return not lines[0].startswith("No existing sponsorships")


def _failure(kind: str, organization: Optional[str], entries: List[Entry]) -> Failure:
    cause, message = find_cause([line for entry in entries for line in entry.lines])
    # A proxy's address can hold a password.
    message = mask_url_credentials(message)
    return Failure(entries[0].time, kind, organization, cause.code, message, cause.advice, cause.transient)
