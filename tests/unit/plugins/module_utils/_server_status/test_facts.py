# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is gathered beside the deployment itself, over a host in memory, also where it cannot be known."""

from __future__ import annotations

import json
import os
import ssl
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.host_reading import inspection_by
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import Manifest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import set_name
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.facts import server_facts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._server_status import facts, versions
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._server_status.facts import Request, StatusFacts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import GATHERED
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import check_arguments

from .._connectivity.stand_ins import DAY, page
from .._deployment.fake_host import FakeHost

NAME = "vault.example.com"
INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
NOW = datetime(2026, 11, 26, 12, tzinfo=timezone.utc)
PUBLISHED = {"coreVersion": "2026.9.0", "webVersion": "2026.9.0", "keyConnectorVersion": "2026.6.0"}


@pytest.fixture
def host(tmp_path, monkeypatch, serve, authority, addresses):
    """Return a server with a certificate, a script and a published version that is newer."""
    fake = FakeHost(tmp_path / "bitwarden" / "bwdata")
    context = authority.context(NAME, ends=40 * DAY)
    fake.served = serve(page("200 OK", ""), context)
    ports = [{"target": 8443, "published": str(fake.served.port), "protocol": "tcp"}]
    fake.compose_services = {"nginx": {"ports": ports}}
    fake.read["web"] = ["env/uid.env"]
    pem = next(path for path in authority.folder.glob("*.pem")).read_text()
    for path, text in {
        "nginx/default.conf": f"server {{\n  ssl_certificate /etc/ssl/{NAME}/certificate.crt;\n}}\n",
        f"ssl/{NAME}/certificate.crt": pem,
        "ca-certificates/test.crt": authority.pem.decode(),
        "../bitwarden.sh": '#!/bin/sh\nCOREVERSION="2026.8.1"\nWEBVERSION="2026.8.0"\ncase $1 in restart) ;; esac\n',
    }.items():
        (fake.bwdata / path).parent.mkdir(parents=True, exist_ok=True)
        (fake.bwdata / path).write_text(text)
    override = fake.bwdata / "env" / "global.override.env"
    override.write_text(override.read_text() + f"globalSettings__baseServiceUri__vault=https://{NAME}\n")
    published = serve(page("200 OK", json.dumps({"versions": PUBLISHED})), authority.context("selfhost.test"))
    monkeypatch.setattr(versions, "PUBLISHED", published.url("selfhost.test"))
    fake.published = published
    return fake.install(monkeypatch).start()


def backup_set(folder, created, installation=INSTALLATION, verified="checksum"):
    """Write a set of which only the manifest counts here."""
    manifest = Manifest(created, installation, versions={"core": "2026.8.0"}, verified=verified, verified_at=created)
    path = folder / set_name(installation, created)
    path.mkdir(parents=True)
    (path / "manifest.json").write_bytes(b"".join(manifest.render(())))
    return path


def gathered(host, gather=GATHERED, dest="/nowhere"):
    deployment = Deployment(str(host.bwdata), None, {})
    status = StatusFacts(deployment, Request(tuple(gather), 5.0, str(dest), {}), NOW)
    return server_facts(deployment, more=status.gather)


def test_a_server_with_everything(host, tmp_path):
    dest = tmp_path / "backups"
    backup_set(dest, NOW - timedelta(days=3))
    newest = backup_set(dest, NOW - timedelta(hours=8))
    backup_set(dest, NOW - timedelta(hours=4), verified="none")
    backup_set(dest, NOW - timedelta(hours=2), installation="7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003")
    found = gathered(host, dest=dest)
    assert found["versions"] == {"core": "2026.8.0", "web": "2026.8.0", "key_connector": None}
    assert found["script_versions"] == {"core": "2026.8.1", "web": "2026.8.0", "key_connector": None}
    assert found["available_versions"] == {"core": "2026.9.0", "web": "2026.9.0", "key_connector": "2026.6.0"}
    certificate = found["certificate"]
    assert (certificate["names"], certificate["loaded"]) == ([NAME], True)
    assert certificate["path"] == str(host.bwdata / "ssl" / NAME / "certificate.crt")
    expires = datetime.strptime(certificate["expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
    assert certificate["days_left"] == (expires - NOW).days
    assert found["backup"] == {
        "path": str(newest), "created": "2026-11-26T04:00:00Z", "age": 8 * 3600, "verified": "checksum",
        "version": "2026.8.0",
    }  # fmt: skip
    assert (found["unknown"], found["warnings"]) == ({}, [])


def test_what_is_not_gathered_is_not_asked(host):
    found = gathered(host, ())
    assert [found[name] for name in GATHERED] == [None, None, None]
    assert (found["unknown"], found["warnings"]) == ({}, [])
    assert not host.published.heads, "an air-gapped server asked"


def test_modules_that_look_at_a_license_file_gather_nothing_else():
    asked = []
    inspection_by(lambda module, options: asked.append((module, options)) or {}, "/opt/bitwarden/bwdata")("x")
    ((module, options),) = asked
    assert (module, options["gather"]) == ("server_info", [])
    check_arguments(module, {**options, "organization": INSTALLATION})


@pytest.mark.parametrize(
    ("spoil", "name", "reason"),
    [
        (lambda host: host.containers["nginx"].update(state="exited"), "certificate", "nginx is not running"),
        (lambda host: host.containers.pop("nginx"), "certificate", "nginx is not running"),
        (lambda host: host.compose_services.clear(), "certificate", "publishes no port"),
        (lambda host: (host.bwdata.parent / "bitwarden.sh").unlink(), "script_versions", "bitwarden.sh: No such file"),
        (lambda host: None, "backup", "/nowhere has no verified backup of this installation."),
    ],
)
def test_why_a_fact_is_not_known(host, spoil, name, reason):
    spoil(host)
    found = gathered(host, ("certificate", "backup"))
    assert found[name] is None
    assert reason in found["unknown"][name]
    assert found["warnings"] == []


def test_no_answer_about_the_available_version_is_a_warning(host, monkeypatch):
    monkeypatch.setattr(versions, "PUBLISHED", f"https://selfhost.test:{host.served.port}/")
    found = gathered(host, ("available_versions",))
    assert found["available_versions"] is None
    (warning,) = found["warnings"]
    assert (
        warning.startswith("The available version is not known: ") and found["unknown"]["available_versions"] in warning
    )


def test_a_certificate_that_nginx_has_not_loaded_yet_is_a_warning(host):
    path = host.bwdata / "ssl" / NAME / "certificate.crt"
    path.write_text(ssl.DER_cert_to_PEM_cert(b"renewed"))
    found = gathered(host, ("certificate",))
    assert (found["certificate"]["names"], found["certificate"]["loaded"]) == ([NAME], False)
    assert str(path) in found["warnings"][0]


def test_backups_of_another_user_and_unfinished_ones(host, tmp_path, monkeypatch):
    dest = tmp_path / "backups"
    backup_set(dest, NOW, verified="none")
    assert "1 that are not verified" in gathered(host, ("backup",), dest)["unknown"]["backup"]
    real = os.listdir

    def listdir(path="."):
        if os.fspath(path) == str(dest):
            raise PermissionError(13, "Permission denied", str(dest))
        return real(path)

    monkeypatch.setattr(os, "listdir", listdir)
    assert (
        gathered(host, ("backup",), dest)["unknown"]["backup"]
        == f"{dest} cannot be read by this user: Permission denied. Run the task as root (become)."
    )


def test_what_docker_does_not_tell_fails_and_the_rest_is_there(host):
    """The edge gets the facts with the error."""
    (host.bwdata / "docker" / "docker-compose.yml").unlink()
    deployment = Deployment(str(host.bwdata), None, {})
    status = StatusFacts(deployment, Request(tuple(GATHERED), 5.0, "/nowhere", {}), NOW)
    with pytest.raises(facts.EXPECTED) as caught:
        server_facts(deployment, more=status.gather)
    result = caught.value.result()
    assert result["versions"]["core"] == "2026.8.0"
    assert result["available_versions"]["core"] == "2026.9.0"
    assert result["certificate"] is None
