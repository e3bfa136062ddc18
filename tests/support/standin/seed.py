# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Filling an empty data folder from a seed."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import string
import uuid
from pathlib import Path
from typing import Any, Dict, Optional

from . import clock, keys, license_files, license_issue, plans
from .context import Server
from .json_input import EMPTY_GUID
from .state import Document

_ALPHANUMERIC = string.ascii_letters + string.digits
_API_KEYS = ("default", "scim", "billing_sync")


def plant_once(instance: Server, seed: Document) -> None:
    """Plant the seed unless the folder has state already (another process may do so at the same moment)."""
    with instance.state.transaction():
        if not instance.meta("server"):
            _plant(instance, seed)


def plant_anew(instance: Server, seed: Optional[Document] = None) -> None:
    """Throw the state and the license files away and begin again, from the same seed or another."""
    vault = instance.state.vault
    if vault is not None:
        vault.begin_anew()
    with instance.state.transaction():
        seed = seed or instance.meta("seed")
        instance.state.clear()
        shutil.rmtree(license_files.folder(instance), ignore_errors=True)
        _plant(instance, seed)


def read(file: Optional[Path]) -> Document:
    """Read the seed of a file; empty where there is none."""
    try:
        seed: Document = json.loads(file.read_text(encoding="utf-8")) if file else {}
    except FileNotFoundError:
        return {}
    return seed


def plant_and_remove(instance: Server, seed: Document, file: Optional[Path]) -> None:
    """Plant the seed in an empty database, and remove its file: what is lost later stays lost."""
    plant_once(instance, seed)
    if file:
        file.unlink(missing_ok=True)


def random_key() -> str:
    """Return a key as the server makes them: 30 letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _count in range(30))


def _plant(instance: Server, seed: Document) -> None:
    state = instance.state
    state.put("meta", "clock", {"shift": seed.get("clock_shift", 0), "frozen": seed.get("clock_frozen")})
    license_keys = _license_keys(seed, instance.meta("seed"))
    if seed:
        state.put("meta", "seed", seed)
    state.put(
        "meta",
        "server",
        {
            "token_key": keys.new(),
            "license_signing_key": license_keys.get("license_signing_key"),
            "license_public_key": license_keys.get("license_public_key"),
        },
    )
    for user in seed.get("users", []):
        state.put("user", user["id"], _user(instance, user))
    for number in range(seed.get("ciphers", 0)):
        identifier = str(uuid.uuid4())
        state.put("cipher", identifier, {"id": identifier, "user": seed["users"][0]["id"], "number": number})
    for installation in seed.get("installations", []):
        state.put("installation", installation["id"], {"enabled": True, **installation})
    for organization in seed.get("organizations", []):
        _organization(instance, organization)


def _license_keys(*seeds: Document) -> Document:
    """Return the first that has the keys of licenses: they are part of the server, not of its data."""
    for seed in seeds:
        if seed.get("license_public_key"):
            return seed
    file = os.environ.get("STANDIN_LICENSE_KEY")
    return {"license_public_key": Path(file).read_text(encoding="ascii")} if file else {}


def _user(instance: Server, user: Document) -> Document:
    return {
        "name": user["email"].partition("@")[0],
        "api_key": random_key(),
        "api_key_revision": instance.clock.text(),
        "password": None,
        "master_password_hash": None,
        "salt": None,
        "two_factor": False,
        "v2_encryption": False,
        "security_stamp": str(uuid.uuid4()),
        "created": instance.clock.text(),
        **user,
        "kdf": {"type": 0, "iterations": 600000, "memory": None, "parallelism": None, **user.get("kdf", {})},
    }


def _organization(instance: Server, seed: Document) -> None:
    organization = {
        **plans.organization_of(seed["plan"]),
        **seed.get("abilities", {}),
        "id": seed["id"],
        "name": seed["name"],
        "billingEmail": seed.get("billing_email"),
        "businessName": None,
        "licenseKey": seed.get("license_key", secrets.token_hex(10)),
        "enabled": seed.get("enabled", True),
        "expires": seed.get("expires"),
        "subscription": seed.get("subscription", "active"),
        "usage": seed.get("usage", {}),
        "api_keys": {
            kind: {"key": seed["api_keys"][kind], "revision": instance.clock.text()}
            for kind in _API_KEYS
            if seed.get("api_keys", {}).get(kind)
        },
        "members": [{"id": str(uuid.uuid4()), "type": 0, "status": 2, **member} for member in seed.get("members", [])],
    }
    if "seats" in seed:
        organization["seats"] = seed["seats"]
    if seed.get("license") is not None:
        overrides: Dict[str, Any] = dict(seed["license"])
        license_ = license_issue.issue(
            instance,
            {**organization, "expires": overrides.pop("expires", organization["expires"])},
            installation=instance.settings.guid("globalSettings__installation__id"),
            cloud_id=seed.get("cloud_id", EMPTY_GUID),
            changes=overrides,
        )
        license_files.write(instance, organization["id"], license_)
        organization["expires"] = license_["Expires"]
    instance.state.put("organization", organization["id"], organization)
    if seed.get("connection"):
        _connection(instance, seed)
    for sponsorship in seed.get("sponsorships", []):
        _sponsorship(instance, organization, sponsorship)


def _connection(instance: Server, seed: Document) -> None:
    connection = seed["connection"]
    last_sync = connection.get("last_license_sync")
    identifier = str(uuid.uuid4())
    instance.state.put(
        "connection",
        identifier,
        {
            "id": identifier,
            "type": 1,
            "organizationId": seed["id"],
            "enabled": connection.get("enabled", True),
            "config": {
                "BillingSyncKey": connection.get("billing_sync_key"),
                "CloudOrganizationId": seed.get("cloud_id", EMPTY_GUID),
                "LastLicenseSync": clock.stored(last_sync) if last_sync else None,
            },
        },
    )


def _sponsorship(instance: Server, organization: Document, seed: Document) -> None:
    member = next(member for member in organization["members"] if member["user"] == seed["user"])
    identifier = str(uuid.uuid4())
    instance.state.put(
        "sponsorship",
        identifier,
        {
            "id": identifier,
            "organization": organization["id"],
            "sponsoringOrganizationUserId": member["id"],
            "friendlyName": seed.get("friendly_name"),
            "offeredToEmail": seed["email"],
            "planSponsorshipType": 0,
            "lastSyncDate": seed.get("last_sync"),
            "validUntil": seed.get("valid_until"),
            "toDelete": seed.get("to_delete", False),
            "isAdminInitiated": seed.get("admin_initiated", False),
            "notes": seed.get("notes"),
        },
    )
