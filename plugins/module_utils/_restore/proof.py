# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proves a restore: the database as the manifest says, and a server that works with what was restored."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence

from .._backup.manifest import Database, Manifest
from .._common.errors import BitwardenError
from .._database.inspection import DatabaseFacts
from .._licenses.file import OK, License
from .server import Certificate


class Proof(NamedTuple):
    """One check: ``ok`` is None where nothing on the host can tell. ``detail`` says what was seen."""

    check: str
    ok: Optional[bool]
    detail: str


class NotProven(BitwardenError):
    """The server is not what it is to be after the run."""


def require(proofs: Sequence[Proof], run: str = "restore") -> None:
    """Raise ``NotProven`` that names every check that failed of those of a ``run``."""
    failed = [f"{one.check}: {one.detail}" for one in proofs if one.ok is False]
    if failed:
        raise NotProven(f"The {run} is not proven. {'. '.join(failed)}.")


def database_proofs(expected: Database, found: DatabaseFacts, keys: List[str]) -> List[Proof]:
    """Compare the restored database with the manifest; ``keys`` are those in the key ring on the disk."""
    differing = [
        f"{table} has {found.counts.get(table, 0)} rows, and the manifest says {count}"
        for table, count in sorted(expected.counts.items())
        if not expected.fits(table, found.counts.get(table, 0))
    ]
    counted = ", ".join(f"{table} {count}" for table, count in sorted(found.counts.items()))
    same = found.newest_migration == (expected.newest_migration or "")
    other = f"{found.newest_migration or 'none'}, and the manifest says {expected.newest_migration or 'none'}"
    missing = sorted(set(found.protected_key_ids) - set(keys))
    there = f"all {len(found.protected_key_ids)} keys that the database needs"
    return [
        Proof("row counts", not differing, "; ".join(differing) or counted),
        Proof("newest migration", same, found.newest_migration if same else other),
        Proof(
            "key ring",
            not missing,
            f"no file of the keys {', '.join(missing)}" if missing else there,
        ),
    ]


def license_proof(manifest: Manifest, licenses: List[License]) -> Proof:
    """Return whether each enabled organization has a license that the server accepts, as far as the set had one."""
    licensed = {one.lower() for one, present in manifest.organizations if present}
    wrong: List[str] = []
    without: List[str] = []
    for one in licenses:
        organization = one.organization_id.lower()
        of = str(one.fields.get("InstallationId") or manifest.installation_id).lower()
        if one.state != OK:
            (wrong if organization in licensed else without).append(f"{organization}: {one.problem.rstrip('.')}")
        elif of != manifest.installation_id.lower():
            wrong.append(f"{organization}: its license is for installation {of}")
    good = len(licenses) - len(wrong) - len(without)
    more = f"; as in the set without one: {'; '.join(without)}" if without else ""
    return Proof("licenses", not wrong, "; ".join(wrong) or f"{good} of {len(licenses)} enabled organizations{more}")


def certificate_proof(certificate: Certificate) -> Proof:
    """Return whether the identity service's certificate opens with its password."""
    return Proof("identity certificate", certificate.opens, certificate.detail)


def version_proof(expected: Optional[str], answer: str) -> Proof:
    """Return whether the api tells the version that its image is of."""
    try:
        data: Mapping[str, Any] = json.loads(answer)
        version = str(data["version"])
    except (ValueError, KeyError, TypeError):
        return Proof("api version", False, "the api does not tell its version")
    known = expected is None or version == expected
    return Proof("api version", known, version if known else f"{version}, and its image is of {expected}")


def log_proof(lines: List[str]) -> Proof:
    """Return whether the logs say that a service cannot use what was restored."""
    return Proof("logs", not lines, "; ".join(lines) or "nothing that tells of a failure")


def report(proofs: Sequence[Proof]) -> List[Dict[str, Any]]:
    """Return the checks as results show them."""
    return [one._asdict() for one in proofs]
