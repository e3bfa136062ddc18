# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The organization that a task means, and what the server says about it and about itself."""

from __future__ import annotations

import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._common.dates import normal_date
from .auth import Account
from .errors import NETWORK, PERMISSION, REQUEST, ApiError

OLDEST_VERSION = (2023, 2, 0)  # license sync and its timestamp came with it

_OWNER = 0
_PLANS = {0: "Free", 1: "Families", 2: "Teams", 3: "Enterprise", 4: "Teams Starter"}
_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)


class Organization(NamedTuple):
    """An organization as its member sees it. ``plan`` is its tier's name, ``seats`` may be ``None`` (no limit).

    ``own_sponsorships``: the server's rows of it, one for each sponsorship that the member gave (one row without any).
    """

    id: str
    name: str
    enabled: bool
    plan: Optional[str]
    seats: Optional[int]
    owned: bool
    own_sponsorships: Tuple[Mapping[str, Any], ...] = ()

    @property
    def admin_sponsorships(self) -> Optional[bool]:
        """Whether admins can give sponsorships, by its plan; ``None`` where the server's version does not tell."""
        flags = [row.get("useAdminSponsoredFamilies") for row in self.own_sponsorships]
        return None if None in flags or not flags else any(flags)

    def named(self) -> Dict[str, Any]:
        """Return ``{"id", "name"}``."""
        return {"id": self.id, "name": self.name}

    def facts(self) -> Dict[str, Any]:
        """Return ``{"id", "name", "enabled", "plan", "seats"}``."""
        return {**self.named(), "enabled": self.enabled, "plan": self.plan, "seats": self.seats}


def find_organization(account: Account, wanted: Optional[str]) -> Organization:
    """Return the organization of that id or name; without one, the only one that the account owns.

    Raises ``ApiError``: ``request`` when none or several match, ``permission`` when the account does not own it.
    """
    response = account.get("/organizations", "list the organizations of the account")
    known = _organizations(response)
    if wanted is None or not wanted.strip():
        return _only_owned(known)
    wanted = wanted.strip()
    matches = [item for item in known if item.id.lower() == wanted.lower()]
    matches = matches or [item for item in known if item.name == wanted]
    matches = matches or [item for item in known if item.name.lower() == wanted.lower()]
    if not matches:
        kind = "id" if _GUID.match(wanted) else "name"
        raise ApiError(
            REQUEST,
            f"The account is in no organization of the {kind} {wanted!r}. {_listed(known)}",
            advice="Organizations of the cloud have another id there than on a self-hosted server."
            if kind == "id"
            else "",
        )
    if len(matches) > 1:
        raise ApiError(
            REQUEST,
            f"The account is in {len(matches)} organizations of the name {wanted!r}: "
            f"{', '.join(item.id for item in matches)}.",
            advice="Set organization to the id of the one that is meant.",
        )
    found = matches[0]
    if not found.owned:
        raise ApiError(
            PERMISSION,
            f"The account is a member of the organization {found.name!r}, but not its owner.",
            advice="Use the personal API key of an owner of the organization.",
        )
    return found


def _only_owned(known: List[Organization]) -> Organization:
    owned = [item for item in known if item.owned]
    if not owned:
        raise ApiError(
            PERMISSION,
            f"The account owns no organization. {_listed(known)}",
            advice="Use the personal API key of an owner of the organization.",
        )
    if len(owned) > 1:
        raise ApiError(
            REQUEST,
            f"organization is missing, and the account owns {len(owned)}: {_names(owned)}.",
            advice="Set organization to the name or id of one of them.",
        )
    return owned[0]


def _organizations(response: Any) -> List[Organization]:
    """Read the list, in which an organization with several sponsorships comes more than once."""
    data = response.get("data") if isinstance(response, dict) else None
    if not isinstance(data, list):
        raise ApiError(NETWORK, "The list of the account's organizations is not in the form of Bitwarden's API.")
    found: Dict[str, Organization] = {}
    for item in data:
        if not isinstance(item, dict) or not item.get("id"):
            continue
        tier = item.get("productTierType", item.get("planProductType"))  # the latter before 2024
        key = str(item["id"]).lower()
        known = found[key].own_sponsorships if key in found else ()
        found[key] = Organization(
            id=str(item["id"]),
            name=str(item.get("name") or ""),
            enabled=bool(item.get("enabled")),
            plan=_PLANS.get(tier) if isinstance(tier, int) else None,
            seats=item.get("seats"),
            owned=item.get("type") == _OWNER,
            own_sponsorships=(*known, item),
        )
    return list(found.values())


def _names(items: List[Organization]) -> str:
    return ", ".join(f"{item.name!r} ({item.id})" for item in items)


def _listed(known: List[Organization]) -> str:
    return f"It is in: {_names(known)}." if known else "It is in none."


def server_version(account: Account) -> str:
    """Return the version of the server's Api (``2026.8.0``); read without logging in."""
    path = "/version"
    url = account.url(path)
    response = account.client.send("GET", url, "read the server's version")
    if response.status != 200:
        raise account.client.error(response, "read the server's version", url)
    return str(response.json)


def require_version(account: Account) -> str:
    """Return the server's version, if license sync exists there. Raises ``ApiError`` otherwise."""
    version = server_version(account)
    if _numbers(version) < OLDEST_VERSION:
        oldest = ".".join(str(part) for part in OLDEST_VERSION)
        raise ApiError(
            REQUEST,
            f"The server's version is {version}; this needs {oldest} or later.",
            advice="Update the server first.",
        )
    return version


def _numbers(version: str) -> Tuple[int, ...]:
    """Return ``2026.8.0`` as numbers. Anything else counts as new: better to try than to refuse what is not known."""
    found = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in found.groups()) if found else OLDEST_VERSION


def cloud_communication(account: Account) -> bool:
    """Tell whether cloud communication is on in the *running* server, whatever its files say."""
    response = account.get("/organizations/connections/enabled", "read whether cloud communication is on")
    return response is True


def last_sponsorship_sync(account: Account, organization: Organization) -> Optional[str]:
    """Return the date of the last sponsorship sync, ``None`` for never (also after the last one was revoked)."""
    path = f"/organization/sponsorship/{organization.id}/sync-status"
    response = account.get(path, "read the date of the last sponsorship sync")
    return normal_date(response.get("lastSyncDate")) if isinstance(response, dict) else None
