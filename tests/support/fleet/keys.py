# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keys made on the spot: the fleet's own certificate authority and its certificates, SSH keys of hosts and user."""

from __future__ import annotations

from pathlib import Path

from . import names
from .data import HostData
from .shell import run

CA = names.STATE / "ca.pem"
_CA_KEY = names.STATE / "ca.key"
SSH = names.STATE / "ssh"
SSH_KEY = SSH / "id_ed25519"
KNOWN_HOSTS = SSH / "known_hosts"
_CERTIFICATES = names.STATE / "certificates"
_DAYS = "825"
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def ensure() -> None:
    """Make what is missing of all keys and certificates."""
    for folder in (names.STATE, SSH, _CERTIFICATES):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not CA.exists():
        run(["openssl", "req", "-x509", *_NEW_KEY, "-days", _DAYS, "-subj", "/CN=bwfleet CA",
             "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
             "-keyout", str(_CA_KEY), "-out", str(CA)])  # fmt: skip
    for host in names.HOSTS.values():
        _certificate(host.name, [f"IP:{host.address}", f"DNS:{host.domain}"])
    sites = [f"DNS:{name}" for name in names.DOWNLOADS_NAMES]
    _certificate(names.DOWNLOADS_CONTAINER, [f"IP:{names.DOWNLOADS_ADDRESS}", *sites])
    for cloud in names.CLOUDS.values():
        _certificate(cloud.container, [f"IP:{cloud.address}", *(f"DNS:{name}" for name in cloud.names)])
    for key in [SSH_KEY, *(_host_key(host) for host in names.HOSTS)]:
        if not key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bwfleet", "-f", str(key)])
    lines = [f"{host.address} {_public(_host_key(host.name))}\n" for host in names.HOSTS.values()]
    KNOWN_HOSTS.write_text("".join(lines))


def certificate(name: str) -> bytes:
    """Return the certificate (PEM) of a host (``bw1``) or a cloud (its container's name)."""
    return (_CERTIFICATES / f"{name}.pem").read_bytes()


def authority() -> tuple[bytes, bytes]:
    """Return certificate and key (PEM) of the fleet's authority."""
    return CA.read_bytes(), _CA_KEY.read_bytes()


def private_key(name: str) -> bytes:
    """Return its key (PEM)."""
    return (_CERTIFICATES / f"{name}.key").read_bytes()


def identity(host: HostData) -> bytes:
    """Return the ``identity.pfx`` of a host, made once, with the password of its settings."""
    target = _CERTIFICATES / f"{host.name}-identity.pfx"
    if not target.exists():
        key, made = target.with_suffix(".key"), target.with_suffix(".pem")
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "36500",
             "-subj", "/CN=Bitwarden IdentityServer", "-keyout", str(key), "-out", str(made)])  # fmt: skip
        run(["openssl", "pkcs12", "-export", "-inkey", str(key), "-in", str(made), "-passout", "stdin",
             "-out", str(target)], stdin=f"{host.settings['certificate_password']}\n".encode())  # fmt: skip
    return target.read_bytes()


def host_key(name: str) -> bytes:
    """Return the private SSH key of a host."""
    return _host_key(name).read_bytes()


def user_public_key() -> bytes:
    """Return what goes into ``authorized_keys``."""
    return (_public(SSH_KEY) + "\n").encode()


def _host_key(name: str) -> Path:
    return SSH / f"{name}_host_ed25519"


def _public(key: Path) -> str:
    return " ".join(key.with_name(key.name + ".pub").read_text().split()[:2])


def _certificate(name: str, alternatives: list[str]) -> None:
    target, key, request = (_CERTIFICATES / f"{name}.{suffix}" for suffix in ("pem", "key", "csr"))
    extensions = _CERTIFICATES / f"{name}.ext"
    wanted = f"subjectAltName={','.join(alternatives)}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n"
    if target.exists() and extensions.exists() and extensions.read_text() == wanted:
        return
    extensions.write_text(wanted)
    run(["openssl", "req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", str(key),
         "-out", str(request)])  # fmt: skip
    run(["openssl", "x509", "-req", "-in", str(request), "-CA", str(CA), "-CAkey", str(_CA_KEY), "-CAcreateserial",
         "-days", _DAYS, "-extfile", str(extensions), "-out", str(target)])  # fmt: skip
