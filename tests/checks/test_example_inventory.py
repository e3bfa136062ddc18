# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The example inventory holds what the role needs, its secrets encrypted, and opens with the password it names."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.support.tools.commands import BIN, ROOT, check

INVENTORY = ROOT / "docs" / "examples" / "inventory"
SECRETS = {
    "bitwarden_client_secret",
    "bitwarden_cloud_client_secret",
    "bitwarden_cloud_password",
    "bitwarden_smtp_password",
}
OWN = ("bitwarden_client_id", "bitwarden_client_secret")
ACCOUNT = (
    "bitwarden_cloud_client_id",
    "bitwarden_cloud_client_secret",
    "bitwarden_cloud_password",
    "bitwarden_cloud_organization",
)
SHOW = ("bitwarden_region", "bitwarden_url", *OWN, *ACCOUNT)


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """Return host -> what the role gets there."""
    scratch = tmp_path_factory.mktemp("vault")
    (scratch / "password").write_text("example\n")
    fields = ", ".join(f"'{name}': {name}" for name in SHOW)
    play = {
        "hosts": "bitwarden",
        "gather_facts": False,
        "tasks": [{"ansible.builtin.copy": {"content": f"{{{{ {{{fields}}} | to_json }}}}", "mode": "0600",
                                            "dest": f"{scratch}/{{{{ inventory_hostname }}}}.json"},
                   "delegate_to": "localhost", "vars": {"ansible_connection": "local"}}],
    }  # fmt: skip
    (scratch / "play.yml").write_text(yaml.safe_dump([play]))
    check(
        "example-inventory",
        [
            str(BIN / "ansible-playbook"),
            "-i",
            str(INVENTORY),
            str(scratch / "play.yml"),
            "--vault-password-file",
            str(scratch / "password"),
        ],
    )
    return {path.stem: json.loads(path.read_text()) for path in scratch.glob("*.json")}


def test_regions_and_addresses(hosts):
    assert sorted(host["bitwarden_region"] for host in hosts.values()) == ["EU", "US", "US"]
    assert all(host["bitwarden_url"] == f"https://{name}" for name, host in hosts.items())


@pytest.mark.parametrize("name", OWN)
def test_each_host_has_its_own(hosts, name):
    assert len({host[name] for host in hosts.values()}) == len(hosts) == 3


@pytest.mark.parametrize("name", ACCOUNT)
def test_each_region_has_its_own_account_in_the_cloud(hosts, name):
    pairs = {(host["bitwarden_region"], host[name]) for host in hosts.values()}
    assert len(pairs) == len({value for _region, value in pairs}) == 2


def test_no_token_is_pasted():
    assert not [path for path in INVENTORY.rglob("*.yml") if "bitwarden_billing_sync_token" in path.read_text()]


def test_secrets_are_encrypted():
    class Vault(str):
        pass

    yaml.SafeLoader.add_constructor("!vault", lambda loader, node: Vault(loader.construct_scalar(node)))
    found = set()
    for path in INVENTORY.rglob("*.yml"):
        for key, value in (yaml.safe_load(path.read_text()) or {}).items():
            if key in SECRETS:
                assert isinstance(value, Vault) and value.startswith("$ANSIBLE_VAULT;1.1;AES256"), f"{path}: {key}"
                found.add((path.parent.name, key))
    host_secrets = {"bitwarden_client_secret"}
    assert found == {("host_vars" if key in host_secrets else "group_vars", key) for key in SECRETS}
