# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What proves an update: the containers, the database and the answers of the services, not an exit status."""

from __future__ import annotations

from typing import Mapping, Optional, Sequence

from .._deployment.drift import BITWARDEN, Stack
from .._restore import proof as of_restore
from .._restore.proof import Proof

_SHOWN = 3
#: Whose rows an update keeps.
KEPT_TABLES = ("User", "Organization", "Cipher")


def require(proofs: Sequence[Proof]) -> None:
    """Raise ``NotProven`` that names every check that failed."""
    of_restore.require(proofs, "update")


def migration_proof(expected: Optional[Sequence[str]], found: Sequence[str], seen: str = "") -> Proof:
    """Return whether the database has every migration of the release; None where the release's are not known.

    ``seen`` is told where it has not.
    """
    newest = max(found, default="none")
    if expected is None:
        return Proof("migrations", None, f"newest {newest}; those of the release are not known without the trial")
    missing = sorted(set(expected) - set(found))
    if not missing:
        return Proof("migrations", True, f"all {len(expected)} of the release, newest {newest}")
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    return Proof("migrations", False, f"{', '.join(missing[:_SHOWN])}{more} did not run{seen}")


def row_proof(before: Mapping[str, int], after: Mapping[str, int]) -> Proof:
    """Return whether the database has as many users, organizations and items as before; nothing was writing."""
    counts = {table: (before.get(table, 0), after.get(table, 0)) for table in KEPT_TABLES}
    differing = [f"{table} had {was} rows and has {now}" for table, (was, now) in counts.items() if was != now]
    counted = ", ".join(f"{table} {now}" for table, (_was, now) in counts.items())
    return Proof("row counts", not differing, "; ".join(differing) or counted)


def image_proof(stack: Stack) -> Proof:
    """Return whether each of Bitwarden's services runs on the image that the new Compose file names."""
    wrong = [
        f"{one.service} runs on {one.image}"
        for one in stack.containers
        if one.service in BITWARDEN and one.service in stack.services and one.image != stack.services[one.service].image
    ]
    missing = [f"{name} is missing" for name in stack.services if name in BITWARDEN and not stack.of(name)]
    count = sum(name in BITWARDEN for name in stack.services)
    return Proof("images", not (wrong or missing), "; ".join([*wrong, *missing]) or f"{count} services on their images")


def settings_proof(lost: Sequence[str]) -> Proof:
    """Return whether every setting of the override files has the value that it had; ``lost`` are those without."""
    return Proof("settings", not lost, f"changed by the setup tool: {', '.join(lost)}" if lost else "as before")
