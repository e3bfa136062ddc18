# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of Bitwarden's services and of its setup tool, as their registry has them."""

from __future__ import annotations

from pathlib import Path
from typing import Mapping

from . import byte_code, data, keys, names
from .base_image import Base
from .registry_client import Layer, RegistryClient, layer_from_file, layer_of

_SECOND = 1_000_000_000
_ALIVE = "wget -q -O /dev/null http://localhost:5000/alive || exit 1"
# The health checks of the real images: the same addresses, asked with busybox's wget, as they have no curl any more.
HEALTH_CHECKS: dict[str, str] = {
    **dict.fromkeys(("api", "admin", "events", "notifications", "sso", "attachments", "web"), _ALIVE),
    **dict.fromkeys(names.OPTIONAL_SERVICES, _ALIVE),
    "identity": "wget -q -O /dev/null http://localhost:5000/.well-known/openid-configuration || exit 1",
    "nginx": "wget -q -O /dev/null --no-check-certificate https://localhost:8443/alive"
    " || wget -q -O /dev/null http://localhost:8080/alive || exit 1",
    "mssql": "/healthcheck.sh",
    # The real one asks for an icon of a site on the Internet, which the fleet has no way to.
    "icons": "wget -q -O /dev/null http://localhost:5000/google.com/icon.png || exit 1",
}
# As with the engine's own times, which the real images leave it, a service is probed after 30 s and is unhealthy after
# 90 s. One that has answered is then asked seldom: 30 s for all containers of all hosts take a tenth of a machine.
_TIMES = {"Interval": 300 * _SECOND, "StartInterval": 30 * _SECOND, "StartPeriod": 85 * _SECOND, "Retries": 1}
# The image of the database sets a start period of its own.
_DATABASE_TIMES = {**_TIMES, "StartPeriod": 120 * _SECOND}
_ENVIRONMENT = ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONUNBUFFERED=1"]
_STANDIN = [
    "PYTHONPATH=/opt",
    "PYTHONDONTWRITEBYTECODE=1",
    "ASPNETCORE_ENVIRONMENT=Production",
    "STANDIN_CONTROL=1",
    "STANDIN_DELAY_SCALE=0.05",
    "STANDIN_CLOUD_TIMEOUT=10",
]


def publish(base: Base, client: RegistryClient) -> dict[str, str]:
    """Put the images of all releases into the registry; returns name -> digest of the current one.

    What is there already is not sent again. The layers are those of every release: only what the image is told differs.
    """
    rootfs = layer_from_file(base.layer, base.diff_id)
    programs = layer_of({**_tree("usr/local/bin", names.FILES / "service"), **_alive()})
    sources = {**_tree("opt/standin", names.STANDIN, ".py", ".json"), **_setup()}
    standin = layer_of({**sources, **byte_code.of(base, sources)})
    license_key = data.load().license_keys["license_public_key"].encode()
    licenses = layer_of({"opt/license_public_key.pem": (license_key, 0o644)})
    authority = layer_of({"usr/local/share/ca-certificates/fleet.crt": (keys.CA.read_bytes(), 0o644)})
    digests: dict[str, str] = {}
    # api first: the others' layers are then mounted from it.
    services = [*names.SERVICES, *names.OPTIONAL_SERVICES, "setup"]
    for service in sorted(services, key=lambda service: service != "api"):
        own = {"setup": [authority], "api": [licenses], "identity": [licenses]}.get(service, [])
        layers = [rootfs, programs, standin, *own]
        for version in sorted({version_of(service, release) for release in names.RELEASES.values()}):
            current = version == version_of(service, names.RELEASES[names.VERSION])
            tags = [version, "latest"] if current else [version]
            digest = client.push(f"bitwarden/{service}", tags, layers, image_config(service, version))
            digests.update({service: digest} if current else {})
    client.push("certbot/certbot", ["latest"], [rootfs, programs, _certbot()], image_config("certbot", "latest"))
    return digests


def version_of(service: str, release: names.Release) -> str:
    """Return the tag that a service's image has in a release."""
    return {"web": release.web, "key-connector": release.key_connector}.get(service, release.core)


def image_config(service: str, version: str) -> dict[str, object]:
    """Return what the image's Dockerfile would say."""
    environment = [*_ENVIRONMENT, f"STANDIN_VERSION={version}"]
    if service in {"api", "identity", "setup", "certbot"}:
        environment += [*_STANDIN, f"STANDIN_SERVICE={service}"]
    config: dict[str, object] = {
        "Env": environment,
        "Entrypoint": ["/usr/bin/tini", "--", f"/usr/local/bin/{_program(service)}"],
        "WorkingDir": "/",
        "Labels": {"com.bitwarden.product": "bitwarden", "com.bitwarden.project": service},
    }
    if service in HEALTH_CHECKS:
        times = _DATABASE_TIMES if service == "mssql" else _TIMES
        config["Healthcheck"] = {"Test": ["CMD-SHELL", HEALTH_CHECKS[service]], **times}
    return config


def _program(service: str) -> str:
    if service in {"api", "identity"}:
        return "standin.sh"
    return f"{service}.sh" if service in {"mssql", "nginx", "setup", "certbot"} else "light.sh"


def _tree(prefix: str, folder: Path, *suffixes: str) -> dict[str, tuple[bytes, int]]:
    found: dict[str, tuple[bytes, int]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (not suffixes or path.suffix in suffixes) and "__pycache__" not in path.parts:
            mode = 0o755 if path.suffix == ".sh" else 0o644
            found[f"{prefix}/{path.relative_to(folder).as_posix()}"] = (path.read_bytes(), mode)
    return found


def _setup() -> Mapping[str, tuple[bytes, int]]:
    return _tree("opt/setup", names.FILES / "setup")


def _certbot() -> Layer:
    # Also as another user than root it plays the authority, so that it has to read the key.
    certificate, key = keys.authority()
    authority = {"opt/authority/ca.pem": (certificate, 0o644), "opt/authority/ca.key": (key, 0o644)}
    return layer_of({**_tree("opt/certbot", names.FILES / "certbot"), **authority})


def _alive() -> Mapping[str, tuple[bytes, int]]:
    return {
        "srv/alive": (b"alive\n", 0o644),
        "srv/index.html": (b"<!doctype html><title>Bitwarden</title>\n", 0o644),
        **{name: ((names.FILES / "service" / name).read_bytes(), 0o755) for name in ("backup-db.sh", "healthcheck.sh")},
        "etc/nginx/nginx.conf": ((names.FILES / "service" / "nginx.conf").read_bytes(), 0o644),
    }
