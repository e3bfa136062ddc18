# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who and what is on the servers: users, organizations, tokens, installations, all made up at set-up.

Every secret is random, so a test that finds one somewhere knows which it was. Hosts of one company (``names``) share
the organization in the cloud, its keys and its owner.
"""

from __future__ import annotations

import datetime
import json
import secrets
import shutil
import string
import uuid
from typing import Dict, Iterator, cast

from . import names
from .shell import run

FILE = names.STATE / "data.json"
SECRETS = names.STATE / "secrets.json"
# Data of another form, from an older clone, is created again.
FORM = 2
_ALPHANUMERIC = string.ascii_letters + string.digits
# How many items are in the vaults of a host.
_CIPHERS = 3
Json = Dict[str, object]


class HostData:
    """What belongs to one host, as in ``data.json``."""

    def __init__(self, name: str, content: dict[str, dict[str, str]]) -> None:
        self.name = name
        self.content = content
        self.installation = content["installation"]
        self.organization = content["organization"]
        self.owner = content["owner"]
        self.admin = content["admin"]
        self.stranger = content["stranger"]
        self.cloud_owner = content["cloud_owner"]
        self.settings = content["settings"]

    @property
    def region(self) -> str:
        return names.HOSTS[self.name].region


class FleetData:
    """``id`` tells this fleet from one that another clone set up; ``license_keys``: members of the stand-in's seeds."""

    def __init__(self, content: Json) -> None:
        self.id = str(content["id"])
        self.created = datetime.datetime.fromisoformat(str(content["created"]))
        self.license_keys = cast(Dict[str, str], content["license_keys"])
        hosts = cast(Dict[str, Dict[str, Dict[str, str]]], content["hosts"])
        self.hosts = {name: HostData(name, value) for name, value in hosts.items()}

    def expires(self, days: int) -> str:
        """Return a date that many days after set-up."""
        return (self.created + datetime.timedelta(days=days)).strftime("%Y-%m-%dT00:00:00Z")


def ensure() -> FleetData:
    """Return the data of the fleet in this work tree; made when there is none."""
    if not FILE.exists() or json.loads(FILE.read_text()).get("form") != FORM:
        names.STATE.mkdir(parents=True, exist_ok=True, mode=0o700)
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        private = run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).stdout
        public = run(["openssl", "pkey", "-pubout"], stdin=private).stdout
        hosts: Dict[str, Json] = {}
        for name in names.HOSTS:
            hosts[name] = _host(name, hosts)
        content = {
            "form": FORM,
            "id": uuid.uuid4().hex,
            "created": now.isoformat(),
            "license_keys": {"license_signing_key": private.decode(), "license_public_key": public.decode()},
            "hosts": hosts,
        }
        FILE.touch(mode=0o600)
        FILE.write_text(json.dumps(content, indent=1))
    data = load()
    SECRETS.touch(mode=0o600)
    SECRETS.write_text(json.dumps(dict(_secrets(data)), indent=1))
    return data


def load() -> FleetData:
    """Return the data as it was made."""
    return FleetData(json.loads(FILE.read_text()))


def _host(name: str, others: Dict[str, Json]) -> Json:
    def user(who: str) -> dict[str, str]:
        return {
            "id": str(uuid.uuid4()),
            "email": f"{who}@{name}.fleet.test",
            "name": f"{who.capitalize()} of {name}",
            "api_key": _made_up(30),
        }

    company = names.HOSTS[name].company
    if company == name:
        organization = {
            "cloud_id": str(uuid.uuid4()),
            "name": f"Company {company}",
            "license_key": _made_up(20),
            "billing_sync_token": _made_up(30),
        }
        cloud_owner = {**user("owner.cloud"), "password": _made_up(24)}
    else:
        organization = cast(Dict[str, str], others[company]["organization"])
        cloud_owner = cast(Dict[str, str], others[company]["cloud_owner"])
    return {
        "installation": {"id": str(uuid.uuid4()), "key": _made_up(20)},
        "organization": {**organization, "id": str(uuid.uuid4())},
        "owner": user("owner"),
        "admin": user("admin"),
        "stranger": user("stranger"),
        "cloud_owner": cloud_owner,
        "settings": {
            "database_password": _made_up(32),
            "certificate_password": _made_up(32),
            "internal_identity_key": _made_up(64),
            "oidc_identity_client_key": _made_up(64),
            "duo_a_key": _made_up(64),
            "smtp_password": _made_up(24),
        },
    }


def _made_up(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _count in range(length))


def _secrets(data: FleetData) -> Iterator[tuple[str, str]]:
    for host in data.hosts.values():
        yield f"{host.name}.installation_key", host.installation["key"]
        yield f"{host.name}.license_key", host.organization["license_key"]
        yield f"{host.name}.billing_sync_token", host.organization["billing_sync_token"]
        yield f"{host.name}.master_password", host.cloud_owner["password"]
        for user in ("owner", "admin", "stranger", "cloud_owner"):
            yield f"{host.name}.{user}_client_secret", host.content[user]["api_key"]
        for key, value in host.settings.items():
            yield f"{host.name}.{key}", value


def host_seed(data: FleetData, name: str) -> Json:
    """Return the seed of a self-hosted server: an organization, a license that the sync will prolong, no connection."""
    host = data.hosts[name]
    return {
        **data.license_keys,
        "users": [host.owner, host.admin, host.stranger],
        "ciphers": _CIPHERS,
        "organizations": [
            {
                "id": host.organization["id"],
                "name": host.organization["name"],
                "billing_email": host.owner["email"],
                "plan": "enterprise",
                "license_key": host.organization["license_key"],
                "members": [_member(host.owner, 0), _member(host.admin, 1)],
                "cloud_id": host.organization["cloud_id"],
                "license": {"expires": data.expires(200)},
            }
        ],
    }


def cloud_organization(data: FleetData, name: str) -> Json:
    """Return the organization of a host in its region's cloud, with the fields of the stand-in's seed."""
    host = data.hosts[name]
    return {
        "id": host.organization["cloud_id"],
        "name": host.organization["name"],
        "billing_email": host.cloud_owner["email"],
        "plan": "enterprise",
        "license_key": host.organization["license_key"],
        "enabled": True,
        "api_keys": {"billing_sync": host.organization["billing_sync_token"]},
        "members": [_member(host.cloud_owner, 0)],
        "expires": data.expires(400),
        "subscription": "active",
    }


def cloud_seed(data: FleetData, region: str) -> Json:
    """Return the seed of a region's cloud: the hosts of that region, and nobody else."""
    hosts: list[HostData] = [host for host in data.hosts.values() if host.region == region]
    companies = [host for host in hosts if names.HOSTS[host.name].company == host.name]
    return {
        **data.license_keys,
        "users": [{**host.cloud_owner, "kdf": names.KDFS[host.name]} for host in companies],
        "installations": [{**host.installation, "enabled": True} for host in hosts],
        "organizations": [cloud_organization(data, host.name) for host in companies],
    }


def _member(user: dict[str, str], kind: int) -> Json:
    return {"user": user["id"], "type": kind, "status": 2}


def remove() -> None:
    """Forget the fleets of this work tree: data, keys, certificates, inventories."""
    for folder in (names.STATE, *names.STATE.parent.glob(f"{names.STATE.name}-[0-9]*")):
        shutil.rmtree(folder, ignore_errors=True)
