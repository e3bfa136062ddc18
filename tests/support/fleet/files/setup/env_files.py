# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The env files that the administrator may change: made at the installation, rewritten at each update."""

from __future__ import annotations

import secrets
import string
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Union

from standin.setup_rewrite import (  # type: ignore[import-not-found,unused-ignore]
    CONNECTION_STRING,
    PREFIX,
    PUSH,
    VAULT,
    rewrite,
)

from .configuration import Configuration
from .generated_files import GLOBAL_ENV, MSSQL_ENV

_ALPHANUMERIC = string.ascii_letters + string.digits
_CONNECTOR = "keyConnectorSettings__"


class Installation(NamedTuple):
    """What the environment is made of at an installation; ``stub``: placeholders in place of secrets."""

    identifier: str
    key: str
    region: str
    database: str
    certificate_password: str
    stub: bool


def made_up(length: int) -> str:
    """Return random letters and digits."""
    return "".join(secrets.choice(_ALPHANUMERIC) for _count in range(length))


def write(root: Path, config: Configuration, new: Optional[Installation] = None) -> None:
    """Write all of them below ``root``: from what is there, or for an installation."""
    (root / "docker").mkdir(exist_ok=True)
    (root / "env").mkdir(exist_ok=True)
    overrides = {"global": b"", "mssql": b"", "key-connector": b""}
    for name in overrides if new is None else ():
        path = root / f"env/{name}.override.env"
        overrides[name] = path.read_bytes() if path.exists() else b""
    given = {"url": config.url, "push_notifications": config.flag("push_notifications")}
    if new is not None:
        password = "RANDOM_DATABASE_PASSWORD" if new.stub else made_up(32)
        overrides["global"] = _of_installation(new, password)
        overrides["mssql"] = f"SA_PASSWORD={password}\nDATABASE={new.database}\n".encode()
    elif overrides["global"] and f"{VAULT}={config.url}\n".encode() not in overrides["global"]:
        print(f"Updated {VAULT} to match value in config.yml")
    files = {
        "docker/global.env": GLOBAL_ENV.encode(),
        "docker/mssql.env": MSSQL_ENV.encode(),
        "env/global.override.env": rewrite(overrides["global"], given),
        "env/mssql.override.env": _merged({"SA_PASSWORD": made_up(32), "DATABASE": "vault"}, overrides["mssql"]),
    }
    if config.flag("enable_key_connector"):
        files["env/key-connector.override.env"] = _merged(_connector(config), overrides["key-connector"])
    for name, content in files.items():
        (root / name).write_bytes(content)
        (root / name).chmod(0o600)
    uid = root / "env/uid.env"
    if not uid.exists():
        uid.touch()


def value_of(root: Path, file: str, key: str) -> Optional[str]:
    """Return a value as the tool itself reads it: the first line of the key, stripped of double quotes."""
    path = root / f"env/{file}.override.env"
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        if line.startswith(f"{key}="):
            return line.partition("=")[2].strip('"').replace('\\"', '"')
    return None


def url_of_old_files(root: Path) -> Optional[Dict[str, Union[str, bool]]]:
    """Guess keys of a config.yml that is missing; None without an address."""
    url = value_of(root, "global", VAULT)
    if url is None or "://" not in url:
        return None
    return {"url": url, "push_notifications": value_of(root, "global", PUSH) != "REPLACE"}


def _of_installation(new: Installation, password: str) -> bytes:
    connection = CONNECTION_STRING.format(password=password)
    values = {
        "baseServiceUri__cloudRegion": new.region,
        "sqlServer__connectionString": connection.replace("Catalog=vault;", f"Catalog={new.database};"),
        "identityServer__certificatePassword": new.certificate_password,
        "installation__id": new.identifier,
        "installation__key": new.key,
    }
    if new.stub:
        keys = ("internalIdentityKey", "oidcIdentityClientKey")
        values.update({**dict.fromkeys(keys, "RANDOM_IDENTITY_KEY"), "duo__aKey": "RANDOM_DUO_AKEY"})
    return "".join(f"{PREFIX}{key}={value}\n" for key, value in values.items()).encode()


def _merged(defaults: Dict[str, str], before: bytes) -> bytes:
    """Return the lines with a key, each key once, the built-in ones first; the last value wins."""
    values = dict(defaults)
    for line in before.decode("utf-8", errors="replace").splitlines():
        key, separator, value = line.partition("=")
        if separator:
            values[key] = value
    return "".join(f"{key}={value}\n" for key, value in values.items()).encode()


def _connector(config: Configuration) -> Dict[str, str]:
    folder = "/etc/bitwarden/key-connector"
    values = {
        "webVaultUri": config.url,
        "identityServerUri": "http://identity:5000",
        "database__provider": "json",
        "database__jsonFilePath": f"{folder}/data.json",
        "rsaKey__provider": "certificate",
        "certificate__provider": "filesystem",
        "certificate__filesystemPath": f"{folder}/bwkc.pfx",
        "certificate__filesystemPassword": made_up(32),
    }
    return {_CONNECTOR + key: value for key, value in values.items()}
