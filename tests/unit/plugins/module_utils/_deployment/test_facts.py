# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The facts of a host in memory, also where some of them cannot be read."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends.on_host import read_here
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.facts import server_facts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError

from .fake_host import FakeHost

KEYS = {"services", "version", "settings", "stale_services", "installation_id", "region", "licenses"}
ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"


@pytest.fixture
def host(tmp_path, monkeypatch):
    fake = FakeHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch).start()
    (fake.bwdata / "core" / "licenses" / "organization").mkdir(parents=True)
    return fake


def closed(monkeypatch, folder):
    """Have the folder refuse this user, as one of root's with mode 0700 does."""
    for name in ("listdir", "scandir"):
        real = getattr(os, name)

        def guarded(path=".", real=real):
            if os.fspath(path) == str(folder):
                raise PermissionError(13, "Permission denied", str(folder))
            return real(path)

        monkeypatch.setattr(os, name, guarded)


def no_licenses(host, monkeypatch):
    closed(monkeypatch, host.bwdata / "core" / "licenses" / "organization")


def no_env(host, monkeypatch):
    closed(monkeypatch, host.bwdata / "env")


def broken_env(host, monkeypatch):
    (host.bwdata / "env" / "uid.env").write_text('CANARY"x=2\n')


def no_compose(host, monkeypatch):
    (host.bwdata / "docker" / "docker-compose.yml").unlink()


def no_engine(host, monkeypatch):
    def fail(*arguments, **options):
        raise EngineError("The Docker engine does not answer.")

    monkeypatch.setattr(host, "request", fail)


@pytest.mark.parametrize(
    ("fault", "message", "missing"),
    [
        (no_licenses, "licenses/organization: Permission denied.", {"licenses"}),
        (no_env, "bwdata/env: Permission denied.", {"settings", "licenses"}),
        (broken_env, "uid.env, line 1", {"stale_services"}),
        (no_compose, "docker-compose.yml does not exist", {"stale_services"}),
        (no_engine, "The Docker engine does not answer.", {"services", "version", "stale_services"}),
    ],
)
def test_facts_that_can_be_had_come_with_the_error(host, monkeypatch, fault, message, missing):
    whole = server_facts(Deployment(str(host.bwdata), None, {}))
    assert set(whole) == KEYS
    fault(host, monkeypatch)
    with pytest.raises(BitwardenError) as caught:
        server_facts(Deployment(str(host.bwdata), None, {}))
    result = caught.value.result()
    assert message in result.pop("msg")
    assert "CANARY" not in json.dumps(result)
    assert {name for name, value in result.items() if value is None} == missing
    assert {name: value for name, value in result.items() if value is not None} == {
        name: value for name, value in whole.items() if name not in missing
    }


def test_one_reason_is_told_once(host, monkeypatch):
    no_env(host, monkeypatch)
    with pytest.raises(BitwardenError) as caught:
        server_facts(Deployment(str(host.bwdata), None, {}))
    assert str(caught.value).count("Permission denied") == 1


def test_an_api_module_on_the_host_gets_them_too(host, monkeypatch):
    no_env(host, monkeypatch)
    result = read_here("server_info", {"bwdata": str(host.bwdata), "organization": ORGANIZATION})
    assert (result["failed"], result["version"]) == (True, "2026.8.0")
    assert "Permission denied" in result["msg"]


def test_an_error_of_the_system_is_an_expected_one_there(host, monkeypatch):
    closed(monkeypatch, host.bwdata)
    result = read_here("sync_log_info", {"bwdata": str(host.bwdata), "organization": ORGANIZATION})
    assert result["failed"] is True


@pytest.mark.parametrize("written", [ORGANIZATION.upper(), f"{{{ORGANIZATION}}}", ORGANIZATION.replace("-", "")])
def test_the_id_of_an_organization_may_be_written_in_every_form(host, written):
    found = server_facts(Deployment(str(host.bwdata), None, {}), written)["licenses"]
    assert found == server_facts(Deployment(str(host.bwdata), None, {}), ORGANIZATION)["licenses"]


def test_values_of_misspelt_secrets_are_masked_as_in_a_diff(host):
    names = ("smtp__passord", "smtp__paswd", "smtp__host")
    path = host.bwdata / "env" / "global.override.env"
    path.write_text(path.read_text() + "".join(f"globalSettings__mail__{name}=canary\n" for name in names))
    settings = server_facts(Deployment(str(host.bwdata), None, {}))["settings"]
    assert [settings[f"globalSettings__mail__{name}"] for name in names] == ["********", "********", "canary"]
