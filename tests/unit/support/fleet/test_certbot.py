# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's certbot: what it asks for, what it writes and when it renews."""

from __future__ import annotations

import datetime
import socket
import stat

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.fleet.files.certbot import __main__ as certbot
from tests.support.fleet.files.certbot import lineage

CERTONLY = ["certonly", "--standalone", "--noninteractive", "--agree-tos", "--preferred-challenges", "http"]


@pytest.fixture
def root(tmp_path, monkeypatch):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    made = builder.sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "ca.pem").write_bytes(made.public_bytes(pem))
    (tmp_path / "ca.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    with socket.socket() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(certbot, "ROOT", tmp_path / "letsencrypt")
    monkeypatch.setattr(certbot, "AUTHORITY", tmp_path)
    monkeypatch.setattr(certbot, "PORT", port)
    monkeypatch.setattr(certbot, "_LONGEST_SLEEP", 0)
    certbot.ROOT.mkdir()
    return certbot.ROOT


def run(root, *arguments):
    return certbot.main([*arguments, "--logs-dir", str(root / "logs")])


def test_a_certificate_is_issued_kept_and_renewed_when_it_is_due(root, monkeypatch):
    assert run(root, *CERTONLY, "-d", "localhost") == 0
    live = root / "live/localhost"
    assert {path.name for path in live.glob("*.pem")} == {"cert.pem", "chain.pem", "fullchain.pem", "privkey.pem"}
    assert (live / "fullchain.pem").read_bytes() == (live / "cert.pem").read_bytes() + (live / "chain.pem").read_bytes()
    assert [stat.S_IMODE((root / name).stat().st_mode) for name in ("live", "archive")] == [0o700, 0o700]
    first = (live / "cert.pem").read_bytes()
    for again in ([*CERTONLY, "-d", "localhost"], ["renew"]):
        assert run(root, *again) == 0
        assert (live / "cert.pem").read_bytes() == first
    now = lineage.now() + datetime.timedelta(days=61)
    monkeypatch.setattr(lineage, "now", lambda: now)
    assert run(root, "renew") == 0
    assert (live / "cert.pem").read_bytes() != first
    assert (live / "cert.pem").resolve().name == "cert2.pem"


def test_what_the_authority_cannot_reach_gets_none(root, capsys):
    assert run(root, *CERTONLY, "-d", "nobody.invalid") == 1
    assert "Type:   dns" in capsys.readouterr().out
    assert not (root / "live").exists()
