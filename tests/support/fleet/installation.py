# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a host as they are laid into its container before it starts."""

from __future__ import annotations

import io
import json
import tarfile
from typing import NamedTuple

from ..standin.setup_rewrite import rewrite
from . import data, keys, names
from .data import FleetData, HostData
from .files.setup.configuration import Configuration
from .files.setup.generated_files import GLOBAL_ENV, MSSQL_ENV, Versions, app_id, compose_file
from .files.setup.nginx_site import nginx_site

_OWNER = names.USERS["bitwarden"]
_PREFIX = "globalSettings__"
_FOLDERS = (
    "ca-certificates core core/attachments core/licenses core/licenses/organization docker env identity letsencrypt"
    " logs mssql mssql/backups mssql/data nginx scripts ssl web"
)
_LOGS = "admin api attachments events icons identity mssql nginx notifications sso web"

_CERTIFICATE = {"certificate": "certificate.crt", "key": "private.key"}

# One moment for all files, so that equal files make equal containers.
_INSTALLED = 1_767_225_600
REGISTRY_COMMAND = ["/opt/registry/registry.sh"]


class Entry(NamedTuple):
    """A file (``content``) or folder (None) with its mode and the id of its user and group."""

    path: str
    content: bytes | None
    mode: int
    owner: int = 0


def host_tar(fleet: FleetData, name: str) -> bytes:
    """Pack everything that a host container gets, as a tar of its root."""
    # The seed is planted once: a reset hands it over, and a database that a test has lost stays lost.
    entries = bitwarden(fleet, fleet.hosts[name])
    pristine = tar([entry for entry in entries if not entry.path.endswith("/core/seed.json")])
    home = "usr/local/lib/bwfleet"
    engine = {
        "insecure-registries": [names.REGISTRY],
        # For certbot's image, which names no registry.
        "registry-mirrors": [f"http://{names.REGISTRY}"],
        "storage-driver": "overlay2",
        "log-opts": {"max-size": "5m"},
        # Nothing is kept from anything here, and the filter is translated again for each container and each probe.
        "seccomp-profile": "unconfined",
        # A start, a probe and an end of a container cost less with it than with the default one.
        "runtimes": {"crun": {"path": "/usr/bin/crun"}},
        "default-runtime": "crun",
    }
    entries = [
        Entry(home, None, 0o700),
        Entry(f"{home}/pristine.tar", pristine, 0o600),
        Entry(f"{home}/initial_state.py", _file("host/initial_state.py"), 0o755),
        Entry("usr/local/bin/entrypoint.sh", _entrypoint(), 0o755),
        Entry("usr/local/bin/engine", _file("host/engine"), 0o755),
        Entry("usr/local/bin/containers-network", _file("host/containers-network"), 0o755),
        Entry("usr/local/share/ca-certificates/fleet.crt", keys.CA.read_bytes(), 0o644),
        Entry("etc/docker", None, 0o755),
        Entry("etc/docker/daemon.json", json.dumps(engine).encode(), 0o644),
        Entry("etc/ssh/ssh_host_ed25519_key", keys.host_key(name), 0o600),
        Entry("etc/ssh/sshd_config.d/fleet.conf", _file("host/sshd.conf"), 0o644),
    ]
    for user, number in names.USERS.items():
        folder = "root/.ssh" if user == "root" else f"home/{user}/.ssh"
        entries.append(Entry(folder, None, 0o700, number))
        entries.append(Entry(f"{folder}/authorized_keys", keys.user_public_key(), 0o600, number))
    return tar([*entries, *bitwarden(fleet, fleet.hosts[name])])


def registry_tar() -> bytes:
    """Pack everything that the registry's container gets."""
    return tar(
        [
            Entry("opt/registry", None, 0o755),
            Entry("opt/registry/config.yml", _file("registry/config.yml"), 0o644),
            Entry("opt/registry/no_names.py", _file("registry/no_names.py"), 0o644),
            Entry("opt/registry/registry.sh", _file("registry/registry.sh"), 0o755),
            Entry("opt/registry/sites", "\n".join(names.SITES).encode(), 0o644),
        ]
    )


def downloads_tar() -> bytes:
    """Pack everything that the container of the downloads gets."""
    releases = {
        release.core: {"core": release.core, "web": release.web, "keyConnector": release.key_connector}
        for release in names.RELEASES.values()
    }
    offered = json.dumps({"releases": releases, "current": names.VERSION}).encode()
    container = names.DOWNLOADS_CONTAINER
    return tar(
        [
            Entry("opt/downloads", None, 0o700),
            Entry("opt/downloads/server.py", _file("downloads/server.py"), 0o644),
            Entry("opt/downloads/bitwarden.sh", _file("bitwarden/bitwarden.sh"), 0o644),
            Entry("opt/downloads/run.sh", _file("bitwarden/run.sh"), 0o644),
            Entry("opt/downloads/releases.json", offered, 0o644),
            Entry("opt/downloads/certificate.crt", keys.certificate(container), 0o644),
            Entry("opt/downloads/private.key", keys.private_key(container), 0o600),
        ]
    )


def cloud_tar(fleet: FleetData, region: str) -> bytes:
    """Pack everything that a cloud's container gets."""
    cloud = names.CLOUDS[region]
    entries = [
        Entry("opt/cloud", None, 0o700),
        Entry("opt/cloud/cloud.sh", _file("cloud/cloud.sh"), 0o755),
        Entry("opt/cloud/nginx.conf", _file("cloud/nginx.conf"), 0o644),
        Entry("opt/cloud/certificate.crt", keys.certificate(cloud.container), 0o644),
        Entry("opt/cloud/private.key", keys.private_key(cloud.container), 0o600),
        Entry("opt/cloud/seed.json", json.dumps(data.cloud_seed(fleet, region)).encode(), 0o600),
    ]
    for path in sorted(names.STANDIN.rglob("*")):
        if path.suffix in {".py", ".json"}:
            target = f"opt/standin/{path.relative_to(names.STANDIN).as_posix()}"
            entries.append(Entry(target, path.read_bytes(), 0o644))
    return tar(entries)


def bitwarden(fleet: FleetData, host: HostData) -> list[Entry]:
    """Return ``/opt/bitwarden`` of a freshly installed server: cloud communication off, never synced."""
    address = names.HOSTS[host.name].address
    url = names.HOSTS[host.name].url
    folders = [*_FOLDERS.split(), *(f"logs/{service}" for service in _LOGS.split()), f"ssl/{address}"]
    seed = json.dumps(data.host_seed(fleet, host.name)).encode()
    password = host.settings["database_password"]
    release = names.RELEASES[names.VERSION]
    certificate = {f"ssl_{key}_path": f"/etc/ssl/{address}/{file}" for key, file in _CERTIFICATE.items()}
    config = Configuration({"url": url, **certificate})
    compose = compose_file(config, Versions(release.core, release.web, release.key_connector))
    files = {
        "config.yml": (config.write().encode(), 0o644),
        "env/uid.env": (f"LOCAL_UID={_OWNER}\nLOCAL_GID={_OWNER}\n".encode(), 0o600),
        "env/global.override.env": (global_override(host, url), 0o600),
        "env/mssql.override.env": (f"SA_PASSWORD={password}\nDATABASE=vault\n".encode(), 0o600),
        "docker/global.env": (GLOBAL_ENV.encode(), 0o600),
        "docker/mssql.env": (MSSQL_ENV.encode(), 0o600),
        "docker/docker-compose.yml": (compose.encode(), 0o644),
        "nginx/default.conf": (nginx_site(config).encode(), 0o644),
        "web/app-id.json": (app_id(url).encode(), 0o644),
        "identity/identity.pfx": (keys.identity(host), 0o600),
        f"ssl/{address}/certificate.crt": (keys.certificate(host.name), 0o644),
        f"ssl/{address}/private.key": (keys.private_key(host.name), 0o600),
        "ca-certificates/fleet.crt": (keys.CA.read_bytes(), 0o644),
        "core/seed.json": (seed, 0o600),
        "scripts/run.sh": (_file("bitwarden/run.sh"), 0o755),
    }
    home = names.BITWARDEN.lstrip("/")
    bwdata = names.BWDATA.lstrip("/")
    return [
        Entry(home, None, 0o700, _OWNER),
        Entry(f"{home}/bitwarden.sh", _file("bitwarden/bitwarden.sh"), 0o755, _OWNER),
        Entry(bwdata, None, 0o755, _OWNER),
        *(Entry(f"{bwdata}/{folder}", None, 0o755, _OWNER) for folder in folders),
        *(Entry(f"{bwdata}/{path}", content, mode, _OWNER) for path, (content, mode) in files.items()),
    ]


def global_override(host: HostData, url: str) -> bytes:
    """Return ``global.override.env`` as the installer leaves it."""
    settings = host.settings
    known: dict[str, str] = {
        "baseServiceUri__vault": url,
        "baseServiceUri__cloudRegion": host.region.upper(),
        "sqlServer__connectionString": '"Data Source=tcp:mssql,1433;Initial Catalog=vault;Persist Security Info=False;'
        f"User ID=sa;Password={settings['database_password']};Multiple Active Result Sets=False;Connect Timeout=30;"
        'Encrypt=True;Trust Server Certificate=True"',
        "identityServer__certificatePassword": settings["certificate_password"],
        "internalIdentityKey": settings["internal_identity_key"],
        "oidcIdentityClientKey": settings["oidc_identity_client_key"],
        "duo__aKey": settings["duo_a_key"],
        "installation__id": host.installation["id"],
        "installation__key": host.installation["key"],
        "mail__smtp__password": settings["smtp_password"],
    }
    lines = "".join(f"{_PREFIX}{key}={value}\n" for key, value in known.items())
    return rewrite(lines.encode(), {"url": url, "push_notifications": True})


def tar(entries: list[Entry]) -> bytes:
    """Pack the entries as an uncompressed tar; equal entries give equal bytes."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for entry in entries:
            header = tarfile.TarInfo(entry.path)
            header.mtime = _INSTALLED
            header.mode, header.uid, header.gid = entry.mode, entry.owner, entry.owner
            if entry.content is None:
                header.type = tarfile.DIRTYPE
                archive.addfile(header)
            else:
                header.size = len(entry.content)
                archive.addfile(header, io.BytesIO(entry.content))
    return target.getvalue()


def _entrypoint() -> bytes:
    return _file("host/entrypoint.sh").replace(b"@nameserver@", names.REGISTRY_ADDRESS.encode())


def _file(path: str) -> bytes:
    return (names.FILES / path).read_bytes()
