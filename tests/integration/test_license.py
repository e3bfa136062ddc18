# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Licenses on a real host, looked at over SSH as the owner of bwdata; the entry point for Families organizations."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.fleet import api, names

from .ansible_run import Run, playbook, task

HOST = "bw4"
API = {
    "url": "{{ bitwarden_url }}",
    "client_id": "{{ bitwarden_client_id }}",
    "client_secret": "{{ bitwarden_client_secret }}",
    "organization": "{{ bitwarden_organization }}",
    "ca_path": "{{ bitwarden_ca_path }}",
}
CLOUD = {
    "cloud": "{{ bitwarden_cloud }}",
    "client_id": "{{ bitwarden_cloud_client_id }}",
    "client_secret": "{{ bitwarden_cloud_client_secret }}",
    "organization": "{{ bitwarden_cloud_organization }}",
    "ca_path": "{{ bitwarden_cloud_ca_path }}",
}


def download(host: api.Host, dest: Path, of: str = HOST, installation: str = "") -> None:
    """Download the license of a host's organization, by default for its own installation."""
    installation = installation or host.data.installation["id"]
    task("cloud_license", of, **CLOUD, installation_id=installation, dest=str(dest)).ok()


def upload(file: Path, *options: str, **more: Any) -> Run:
    return task("license", HOST, *options, **{**API, "src": str(file), **more})


def license_path(host: api.Host) -> str:
    return f"core/licenses/organization/{host.data.organization['id']}.json"


@pytest.mark.fleet
def test_predicted_uploaded_equal_and_healed(fresh: Any, tmp_path: Path) -> None:
    host, file = fresh(HOST), tmp_path / "license.json"
    download(host, file)
    before = host.read(license_path(host))
    predicted = upload(file, "--check", "--diff").ok().result(HOST, "license")
    assert host.read(license_path(host)) == before
    done = upload(file, "--diff").ok()
    result = done.result(HOST, "license")
    for one in (predicted, result):
        assert (one["changed"], one["compared"], one["reason"]) == (True, "file", "differs")
        assert {"key": "Expires", "action": "changed"} in one["changes"]
    assert "+Expires=" in done.output
    assert json.loads(host.read(license_path(host)))["Expires"][:10] == result["license"]["after"]["expires"][:10]
    assert upload(file).ok().result(HOST, "license")["reason"] == "equal"

    for broken, state in (
        (host.read(license_path(host)) + "x", "corrupt"),
        ("", "corrupt"),
        (file.read_text(), "camel_case"),
    ):
        host.write(license_path(host), broken)
        assert upload(file).ok().result(HOST, "license")["reason"] == state
    host.execute("rm", f"{names.BWDATA}/{license_path(host)}")
    assert upload(file).ok().result(HOST, "license")["reason"] == "missing"
    assert upload(file).ok().recap(HOST)["changed"] == 0


@pytest.mark.fleet
def test_what_is_not_this_servers_is_not_sent(fresh: Any, tmp_path: Path) -> None:
    host, file = fresh(HOST), tmp_path / "license.json"
    before = host.read(license_path(host))
    other = api.host("bw1")
    # Another organization's, for this very installation: the server would take it.
    download(host, file, of="bw1")
    (refused,) = upload(file).of(HOST, "license")
    assert (refused.status, refused.result["cause"]) == ("failed", "other_organization")
    # The right organization's, for another installation.
    file.unlink()
    download(host, file, installation=other.data.installation["id"])
    assert upload(file).result(HOST, "license")["cause"] == "installation"
    assert host.read(license_path(host)) == before


@pytest.mark.fleet
def test_without_access_to_the_file_the_api_is_compared(fresh: Any, tmp_path: Path) -> None:
    host, file = fresh(HOST), tmp_path / "license.json"
    download(host, file)
    nowhere = {"ansible_host": names.NOBODY, "ansible_ssh_timeout": 3}
    plays = [{"hosts": HOST, "gather_facts": False, "vars": nowhere,
              "tasks": [{"selfhosted.bitwarden.license": {**API, "src": str(file)}}]}]  # fmt: skip
    run = playbook(plays).ok()
    result = run.result(HOST, "license")
    assert (result["changed"], result["compared"]) == (True, "api")
    assert "compared with what the server's API shows" in run.output
    assert playbook(plays).ok().result(HOST, "license")["changed"] is False


@pytest.mark.fleet
def test_a_families_organization(fresh: Any, tmp_path: Path) -> None:
    """No sponsorship, no cloud: settings and a license file, cloud communication untouched."""
    host, file = fresh(HOST), tmp_path / "license.json"
    download(host, file)
    role = {"name": "selfhosted.bitwarden.families_sync", "tasks_from": "families_license"}
    plays = [{"hosts": HOST, "gather_facts": False, "tasks": [{"ansible.builtin.import_role": role}]}]
    first = playbook(plays, bitwarden_license_file=str(file)).ok()
    assert first.result(HOST, "families_sync_configure")["license_upload"]["uploaded"]
    assert not first.result(HOST, "server")["changed"]
    assert host.container_env("api").get("globalSettings__enableCloudCommunication", "false") == "false"
    assert playbook(plays, bitwarden_license_file=str(file)).ok().recap(HOST)["changed"] == 0
