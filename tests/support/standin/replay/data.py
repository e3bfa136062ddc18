# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The data that the recorded servers held: seeds made from what the recordings say about themselves."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Dict, List, NamedTuple, Optional

from standin import keys
from standin.passwords import master_password_hash

from .recordings import Recording

KDF_ITERATIONS = 600000
LICENSE_EXPIRES = "2027-12-27T00:00:00Z"
CLOUD_EXPIRES = "2027-12-28T00:00:00Z"
ENTERPRISE_NAME = "Example Enterprise"
FAMILIES_NAME = "Example Family"
BILLING_EMAIL = "owner@example.com"
VAULT = "http://localhost:8080"
CLOUD = "http://localhost:8081"
# Only the recordings of the cloud name it.
_CLOUD_FAMILIES = "9b4c5d6e-8f70-4b12-8d3e-b2e500f1d002"
_OWNER, _ADMIN = 0, 1


class Account(NamedTuple):
    """An account of the recordings: how its secrets are called in ``values``."""

    email: str
    name: str
    api_key: str
    password: Optional[str] = None
    two_factor: bool = False


ACCOUNTS = {
    "owner": Account("owner@example.com", "Owner", "sh_user_apikey", "sh_user_password"),
    "admin": Account("admin@example.com", "admin", "admin_apikey"),
    "nobody": Account("nobody@example.com", "nobody", "nobody_apikey"),
    "twofactor": Account("twofactor@example.com", "twofactor", "twofactor_apikey", "other_password", two_factor=True),
    "cloud owner": Account("cloud-owner@example.com", "Owner", "cl_user_apikey", "cl_user_password"),
}


class Data:
    """Ids and values of the recordings, and the seeds of both faces."""

    def __init__(self, recordings: List[Recording]) -> None:
        abouts = [one.about for one in recordings if one.kind == "exchanges"]
        self.about = next((a for a in abouts if a["organization"] != a["cloud_organization"]), abouts[0])
        cloud = next((a for a in abouts if a["organization"] == a["cloud_organization"]), {})
        self.cloud_families: str = cloud.get("families_organization", _CLOUD_FAMILIES)
        self.values: Dict[str, str] = self.about["values"]
        self.keys = keys.pair()
        # The servers live at the time of the recording, however late they are replayed.
        date = datetime.strptime(self.about["date"], "%Y-%m-%d").replace(tzinfo=timezone.utc)
        self.recorded_at = date + timedelta(days=1)
        self._hashes: Dict[str, str] = {}

    def client_id(self, account: str) -> str:
        """Return ``user.<id>`` of an account."""
        return str(self.about["accounts"][account]).partition(" ")[0]

    def about_value(self, text: str) -> str:
        """Return the text, or the value that it is a placeholder of."""
        return self.values.get(text.strip("{}"), text) if text.startswith("{{") else text

    def password_hash(self, account: str) -> str:
        """Return the master password's hash of an account."""
        if account not in self._hashes:
            known = ACCOUNTS[account]
            password = self.values[known.password or ""]
            self._hashes[account] = master_password_hash(password, known.email, KDF_ITERATIONS)
        return self._hashes[account]

    def self_hosted_seed(self, with_connection: bool = False) -> Dict[str, Any]:
        """Return the seed of the self-hosted server."""
        users = {name: self._user(name) for name in ("owner", "admin", "nobody", "twofactor")}
        roles = {"owner": _OWNER, "admin": _ADMIN, "twofactor": _OWNER}
        enterprise = {
            "id": self.about["organization"],
            "name": ENTERPRISE_NAME,
            "plan": "enterprise",
            "license_key": self.values["sh_ent_licensekey"],
            "cloud_id": self.about["cloud_organization"],
            "license": {"expires": LICENSE_EXPIRES},
            "api_keys": self._api_keys("sh_ent"),
            "members": [{"user": users[name]["id"], "type": role} for name, role in roles.items()],
        }
        if with_connection:
            enterprise["connection"] = {"billing_sync_key": self.values["cl_ent_key_billingsync"]}
        families = {
            "id": self.about["families_organization"],
            "name": FAMILIES_NAME,
            "plan": "families",
            "license_key": self.values["sh_fam_licensekey"],
            "cloud_id": self.cloud_families,
            "license": {"expires": CLOUD_EXPIRES},
            "api_keys": self._api_keys("sh_fam"),
            "members": [{"user": users["owner"]["id"], "type": _OWNER}],
        }
        return self._seed(list(users.values()), [families, enterprise])

    def cloud_seed(self) -> Dict[str, Any]:
        """Return the seed of the cloud."""
        owner = self._user("cloud owner")
        organizations = [
            {
                "id": identifier,
                "name": name,
                "plan": plan,
                "license_key": self.values[license_key],
                "expires": CLOUD_EXPIRES,
                "api_keys": self._api_keys(prefix),
                "members": [{"user": owner["id"], "type": _OWNER}],
            }
            for identifier, name, plan, license_key, prefix in (
                (self.cloud_families, FAMILIES_NAME, "families", "sh_fam_licensekey", "cl_fam"),
                (self.about["cloud_organization"], ENTERPRISE_NAME, "enterprise", "sh_ent_licensekey", "cl_ent"),
            )
        ]
        installation = {"id": self.about["installation"], "key": self.values["installation_key"]}
        return {**self._seed([owner], organizations), "installations": [installation]}

    def environment(self, cloud: str) -> Dict[str, str]:
        """Return the settings of the self-hosted server; ``cloud`` is where the cloud listens."""
        return {
            "globalSettings__selfHosted": "true",
            "globalSettings__enableCloudCommunication": "true",
            "globalSettings__installation__id": self.about["installation"],
            "globalSettings__installation__key": self.values["installation_key"],
            "globalSettings__installation__identityUri": f"{cloud}/identity/",
            "globalSettings__installation__apiUri": f"{cloud}/api/",
            "globalSettings__baseServiceUri__vault": VAULT,
        }

    def _seed(self, users: List[Dict[str, Any]], organizations: List[Dict[str, Any]]) -> Dict[str, Any]:
        billed = [{**organization, "billing_email": BILLING_EMAIL} for organization in organizations]
        return {**self.keys, "clock_frozen": self.recorded_at.timestamp(), "users": users, "organizations": billed}

    def _user(self, name: str) -> Dict[str, Any]:
        account = ACCOUNTS[name]
        return {
            "id": self.client_id(name).partition(".")[2],
            "email": account.email,
            "name": account.name,
            "api_key": self.values[account.api_key],
            "master_password_hash": self.password_hash(name) if account.password else None,
            "two_factor": account.two_factor,
        }

    def _api_keys(self, prefix: str) -> Dict[str, str]:
        names = {"default": "default", "scim": "scim", "billing_sync": "billingsync"}
        return {kind: self.values[f"{prefix}_key_{name}"] for kind, name in names.items()}
