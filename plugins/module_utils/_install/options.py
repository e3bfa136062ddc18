# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the options of an installation, found on the controller before any of them is sent."""

from __future__ import annotations

import contextlib
import ipaddress
import re
from typing import Any, Dict, List, Mapping

from .._config_yml.keys import CONFIG_KEYS, Value, checked_config, contradictions, host_name_of
from .._scripts.pair import DOWNLOAD, LATEST, version_error
from .._settings.types import validation_error
from .request import FILES, LETS_ENCRYPT, NO_CERTIFICATE

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_DATABASE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}\Z")
_OF_SQL_SERVER = ("master", "model", "msdb", "tempdb")
_USER = re.compile(r"[a-z_][a-z0-9_.-]*\$?\Z")
_SITE = "https://bitwarden.com/host"


def install_faults(params: Mapping[str, Any]) -> List[str]:
    """Return what is wrong with the options, one or two sentences for each; ``params`` has their types."""
    return [
        *_domain_faults(str(params.get("domain") or "")),
        *_installation_faults(params),
        *_path_faults(params),
        *_version_faults(params),
        *_config_faults(params),
    ]


def _domain_faults(domain: str) -> List[str]:
    name = domain.strip().lower()
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name.strip("[]"))
        return [f"domain: {domain} is an IP address, and Bitwarden needs a name. Set it to the server's DNS name."]
    if not name or _DOMAIN.match(name):
        return []
    if "://" in name or "/" in name or re.search(r":\d+\Z", name):
        return [f"domain: {domain} has more than a host name. Leave out scheme, port and path."]
    return [f"domain: {domain} is not a DNS name. Set it to the server's name, such as vault.example.com."]


def _installation_faults(params: Mapping[str, Any]) -> List[str]:
    identifier, key = str(params.get("installation_id") or ""), str(params.get("installation_key") or "")
    found = []
    if identifier and validation_error("guid", identifier) is not None:
        found.append(f"installation_id is not an installation id, which is a GUID. Get id and key from {_SITE}.")
    if key and (len(key.split()) != 1 or not key.isprintable()):
        found.append(f"installation_key has blanks or line ends in it. Get id and key from {_SITE}.")
    database = str(params.get("database_name") or "vault")
    if not _DATABASE.match(database) or database.lower() in _OF_SQL_SERVER:
        found.append(
            f"database_name: {database} cannot be used. Take letters, digits, _ and -, a letter first, and no name of "
            "SQL Server's own databases."
        )
    owner = params.get("owner")
    if owner and not _USER.match(str(owner)):
        found.append(f"owner: {owner} is not the name of a user.")
    return found


def _path_faults(params: Mapping[str, Any]) -> List[str]:
    found = []
    for name in ("bwdata", "script"):
        path = str(params.get(name) or "")
        if re.search(r"[\s:,$\"'\\]", path):
            found.append(f"{name}: bitwarden.sh does not work with a path like {path!r}. Leave out blanks and quotes.")
    bwdata, script = (str(params.get(name) or "").rstrip("/") for name in ("bwdata", "script"))
    if script and script.startswith(f"{bwdata}/"):
        found.append(f"script: {script} is inside bwdata, where an update would not expect it. Put it beside bwdata.")
    return found


def _version_faults(params: Mapping[str, Any]) -> List[str]:
    version, source = str(params.get("version") or LATEST), str(params.get("source") or DOWNLOAD)
    found = []
    if version != LATEST and version_error(version):
        found.append(f"version: {version_error(version)}. Set it to one, or to latest.")
    if params.get("remote_src") and source == DOWNLOAD:
        found.append("remote_src needs source, the folder on the host that has the scripts.")
    if params.get("remote_src") and source != DOWNLOAD and not source.startswith("/"):
        found.append(f"source: {source} is not an absolute path. With remote_src it must be one on the host.")
    return found


def _config_faults(params: Mapping[str, Any]) -> List[str]:
    given = params.get("config")
    values, found = checked_config(given) if isinstance(given, Mapping) else ({}, [])
    certificate, domain = params.get("certificate"), str(params.get("domain") or "").strip().lower()
    if certificate == FILES and not params.get("certificate_files"):
        found.append("certificate is files, which needs certificate_files: cert and key.")
    if certificate != FILES and params.get("certificate_files"):
        found.append("certificate_files only counts with certificate set to files. Set that, or leave it out.")
    if certificate == LETS_ENCRYPT and domain == "localhost":
        found.append("Let's Encrypt issues no certificate for localhost. Set domain to the server's DNS name.")
    if "url" in values and domain and host_name_of(str(values["url"])) != domain:
        found.append(f"config.url: {values['url']} is not an address of {domain}. Leave it out, or correct domain.")
    return found + contradictions(planned_config(str(certificate), domain, values))


def planned_config(certificate: str, domain: str, values: Mapping[str, Value]) -> Dict[str, Value]:
    """Return the value of every key of config.yml that the installation is to have."""
    with_ssl = certificate != NO_CERTIFICATE
    folder = f"/etc/ssl/{domain}"
    planned: Dict[str, Value] = {name: key.default for name, key in CONFIG_KEYS.items()}
    planned.update({"url": f"{'https' if with_ssl else 'http'}://{domain}", "ssl": with_ssl})
    if certificate == LETS_ENCRYPT:
        planned["ssl_managed_lets_encrypt"] = True
    elif with_ssl:
        planned.update({"ssl_certificate_path": f"{folder}/certificate.crt", "ssl_key_path": f"{folder}/private.key"})
    return {**planned, **values}
