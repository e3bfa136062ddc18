# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first step of the role: what it finds wrong with the variables of hosts, before any is touched."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.check import CheckError
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils import _role_check
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost

from tests.support.tools.commands import ROOT

KEY = {
    "bitwarden_client_id": "user.3d0c4f5e-0000-4000-8000-000000000001",
    "bitwarden_client_secret": "canary-secret",
    "bitwarden_url": "https://vault.example.com",
}
BY_HAND = {**KEY, "bitwarden_billing_sync_token": "canary-token"}
ACCOUNT = {
    "bitwarden_cloud_client_id": "user.3d0c4f5e-0000-4000-8000-000000000002",
    "bitwarden_cloud_client_secret": "canary-cloud",
    "bitwarden_cloud_password": "canary-password",
}
SECRETS = [("default", VaultSecret(b"canary"))]


@pytest.fixture
def resolved():
    """Return the values whose templates were resolved."""
    return []


@pytest.fixture
def check(monkeypatch, tmp_path, resolved):
    """Check hosts of ``{name: variables}``; a value ``{{ … }}`` but ``{{ acme }}`` cannot be resolved."""
    for name in ("BW_CLIENTID", "BW_CLIENTSECRET", "BW_CLOUD_CLIENTID", "BW_CLOUD_CLIENTSECRET", "BW_CLOUD_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def template(value):
        resolved.append(value)
        if value == "{{ acme }}":
            return "ACME"
        if str(value).startswith("{{"):
            raise AnsibleError("'vault_secret' is undefined")
        return value

    def find(folder, path):
        if folder == "files" and path == "there.json":
            return str(tmp_path / path)
        raise AnsibleFileNotFound(path)

    (tmp_path / "there.json").write_text("{}")
    (tmp_path / "folder").mkdir()

    def check(hosts, tags=("all",), strategy="linear", defaults=(), environment=(), license_only=False):
        around = {"module_defaults": list(defaults), "environment": list(environment)}
        parent = SimpleNamespace(_get_parent_attribute=around.get)
        task = SimpleNamespace(
            _parent=parent,
            _role=SimpleNamespace(_role_path=str(ROOT / "roles/families_sync")),
            get_play=lambda: SimpleNamespace(strategy=strategy),
        )
        loader = DataLoader()
        loader.set_vault_secrets(SECRETS)
        action = SimpleNamespace(_task=task, _loader=loader, _find_needle=find)
        shared = {"inventory_dir": str(tmp_path / "inventory"), "families_sync_license_only": license_only}
        templar = SimpleNamespace(template=template)
        found = [RoleHost(name, {**shared, **variables}, templar) for name, variables in hosts.items()]
        monkeypatch.setattr(_role_check, "hosts_of_role", lambda *_arguments: found)
        task_vars = {"ansible_run_tags": tags, "families_sync_license_only": license_only}
        return _role_check.check_run(action, task_vars, list(hosts))

    return check


def faults(check, variables, **options):
    with pytest.raises(CheckError) as caught:
        check({"bw1": variables, "bw2": BY_HAND}, **options)
    assert list(caught.value.faults) == ["bw1"]
    assert "canary" not in str(caught.value)
    return "\n".join(caught.value.faults["bw1"])


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"bitwarden_url": "vault.example.com"}, "bitwarden_url is not an address"),
        ({"bitwarden_url": None}, "bitwarden_url is missing. Set it to"),
        ({"bitwarden_url": ""}, "bitwarden_url is missing."),
        ({"bitwarden_client_secret": None}, "bitwarden_client_secret is missing. Set bitwarden_client_secret,"),
        ({"bitwarden_client_secret": "{{ vault_secret }}"}, "bitwarden_client_secret cannot be read: 'vault_secret'"),
        ({"bitwarden_client_secret": 12345}, "bitwarden_client_secret is a number to YAML"),
        ({"bitwarden_client_id": "organization.1"}, "bitwarden_client_id belongs to an organization's key"),
        ({"bitwarden_retry_timeout": "5min"}, "bitwarden_retry_timeout: '5min' is not a duration"),
        ({"bitwarden_license_max_age": "7days"}, "bitwarden_license_max_age: '7days' is not a duration"),
        ({"bitwarden_timeout": "0s"}, "bitwarden_timeout must be more than 0s"),
        ({"bitwarden_wait_timeout": "0s"}, "bitwarden_wait_timeout must be longer than zero"),
        ({"bitwarden_license_file": "gone.json"}, "bitwarden_license_file: no file gone.json on the controller."),
        ({"bitwarden_license_file": '{"LicenseKey": "canary"}'},
         "bitwarden_license_file holds the text of a file, not a path"),
        ({"bitwarden_license_file": {"LicenseKey": "canary"}}, "bitwarden_license_file holds the text of a file"),
        ({"bitwarden_client_key": "-----BEGIN canary"}, "bitwarden_client_key holds the text of a file, not a path"),
        ({"bitwarden_ca_path": ["canary"]}, "bitwarden_ca_path holds the text of a file, not a path"),
        ({"bitwarden_url": '{"LicenseKey": "canary"}'}, "bitwarden_url is not an address of a server: '********'"),
        ({"bitwarden_retry_timeout": "-----BEGIN canary"}, "bitwarden_retry_timeout: '********' is not a duration"),
        ({"bitwarden_ca_path": "gone.pem"}, "bitwarden_ca_path does not exist on the controller: gone.pem."),
        ({"bitwarden_client_key": "there.json"}, "bitwarden_client_key needs bitwarden_client_cert."),
        ({"bitwarden_region": "MARS"}, "value of bitwarden_region must be one of: EU, US"),
        ({"bitwarden_rollback": "perhaps"}, "bitwarden_rollback"),
        ({"bitwarden_syncs_per_minute": "many"}, "bitwarden_syncs_per_minute"),
        ({"bitwarden_secret_settings": "canary"}, "bitwarden_secret_settings"),
        ({"bitwarden_config": {"http_prt": 80}}, "bitwarden_config: http_prt is not a key of config.yml. Did you mean"),
        ({"bitwarden_config": {"http_port": "x"}}, "bitwarden_config.http_port: 'x' is not a port"),
        ({"bitwarden_config": "x"}, "bitwarden_config"),
        ({"bitwarden_certificate": {"cert": "a.pem"}}, "key found in certificate"),
        ({"bitwarden_bwdata": "bwdata"}, "bitwarden_bwdata: bwdata is not an absolute path"),
        ({"bitwarden_max_fail_percentage": "abc"}, "bitwarden_max_fail_percentage: 'abc' is not a percentage"),
        ({"bitwarden_rotate": True}, "bitwarden_rotate is true, but bitwarden_billing_sync_token is set"),
        ({"bitwarden_billing_sync_token": None}, "bitwarden_cloud_client_id is missing. Set bitwarden_cloud_client_id"),
        ({**ACCOUNT, "bitwarden_billing_sync_token": "", "bitwarden_cloud_password": ""},
         "bitwarden_cloud_password is missing. Set it, or BW_CLOUD_PASSWORD"),
        ({**ACCOUNT, "bitwarden_license": "cloud", "bitwarden_cloud_ca_path": "gone.pem"},
         "bitwarden_cloud_ca_path does not exist on the controller: gone.pem."),
        ({"bitwarden_client_id": "installation.1"}, "bitwarden_client_id belongs to an installation's key"),
        ({"bitwarden_billing_sync_token": None, **ACCOUNT, "bitwarden_cloud_client_id": "organization.1"},
         "bitwarden_cloud_client_id belongs to an organization's key"),
        ({"bitwarden_license_file": "folder"}, "/folder is a folder. Set it to the license file in it."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_faults_of_a_host(check, variables, text):
    assert text in faults(check, {**BY_HAND, **variables})


CLOUD, REGION = "globalSettings__enableCloudCommunication", "globalSettings__baseServiceUri__cloudRegion"
IDENTITY, PASSWORD = "globalSettings__installation__identityUri", "globalSettings__mail__smtp__password"
NOT_AS_ROLE = f"gives {CLOUD} another value than the role, which sets it to"


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"settings": {CLOUD: "false"}}, f"bitwarden_settings {NOT_AS_ROLE} true as bitwarden_offline is false."),
        ({"settings": {"globalsettings:ENABLECLOUDCOMMUNICATION": False}}, f"bitwarden_settings {NOT_AS_ROLE} true"),
        ({"settings": {CLOUD: None}}, f"bitwarden_settings {NOT_AS_ROLE} true"),
        ({"secret_settings": {CLOUD: "false"}}, f"bitwarden_secret_settings {NOT_AS_ROLE} true"),
        ({"settings": {CLOUD: True}, "offline": True}, f"{NOT_AS_ROLE} false as bitwarden_offline is true."),
        ({"settings": {REGION: "US"}, "region": "EU"}, f"bitwarden_region is EU, but {REGION} is given another value."),
        ({"settings": {REGION.replace("__", ":").upper(): None}, "region": "EU"}, "bitwarden_region is EU, but "),
        ({"settings": {IDENTITY: "https://identity.bitwarden.com"}, "region": "EU"},
         f"bitwarden_region is EU, but bitwarden_settings sets {IDENTITY} to an address of the cloud US."),
        ({"settings": {REGION: "EU"}, "billing_sync_token": None}, "the account in the cloud is in US:"),
        ({"settings": {PASSWORD: "canary"}, "secret_settings": {PASSWORD: "canary"}},
         f"{PASSWORD} is given twice in bitwarden_settings and in bitwarden_secret_settings"),
        ({"settings": {"globalSettings__mail__replyToEmail": "x", "globalsettings:mail:replytoemail": "y"}},
         "globalSettings__mail__replyToEmail is given twice in bitwarden_settings (names"),
        ({"settings": {"globalSettings__mail__smtp__port": "many"}}, "globalSettings__mail__smtp__port takes a 32-bit"),
        ({"settings": {"globalSettings__mail__smtp__port": [25]}}, "globalSettings__mail__smtp__port is given a list."),
        ({"settings": {"not a name": "x"}}, "'not a name' is not a valid name of a setting."),
        ({"settings": {REGION: None}}, f"{REGION} cannot be removed"),
        ({"settings": "not a name=x"}, "bitwarden_settings"),
    ],
)  # fmt: skip
def test_faults_of_settings(check, settings, text):
    variables = {f"bitwarden_{name}": value for name, value in settings.items()}
    assert text in faults(check, {**BY_HAND, **ACCOUNT, **variables})


@pytest.mark.parametrize("variables", [
    {"bitwarden_settings": {CLOUD: True}}, {"bitwarden_settings": {CLOUD: "FALSE"}, "bitwarden_offline": True},
    {"bitwarden_settings": {REGION: "eu"}, "bitwarden_region": "EU"}, {"bitwarden_settings": {REGION: "EU"}},
    {"bitwarden_settings": {IDENTITY: "https://proxy.corp.example"}, "bitwarden_region": "EU"},
    {"bitwarden_settings": {IDENTITY: None, "globalSettings__logDirectory": None}},
    {"bitwarden_settings": "globalSettings__mail__smtp__port=25"},
    {**ACCOUNT, "bitwarden_billing_sync_token": "", "bitwarden_settings": {REGION: "eu"}, "bitwarden_cloud": "EU"},
])  # fmt: skip
def test_settings_that_agree(check, variables):
    assert check({"bw1": {**BY_HAND, **variables}})["warnings"] == []


def test_settings_for_a_license_alone(check):
    variables = {**KEY, "bitwarden_license_file": "there.json", "bitwarden_settings": {CLOUD: False}}
    assert check({"bw1": variables}, license_only=True)["warnings"] == []


def test_unknown_settings(check):
    """A warning, before the server is touched; or a fault, where module_defaults say so."""
    hosts = {"bw1": {**BY_HAND, "bitwarden_settings": {"globalSettings__hibpApiKee": "canary"}}}
    (warning,) = check(hosts)["warnings"]
    assert "globalSettings__hibpApiKee is not a setting of Bitwarden" in warning
    assert warning.endswith("Did you mean globalSettings__hibpApiKey?")
    with pytest.raises(CheckError, match="Did you mean globalSettings__hibpApiKey"):
        check(hosts, defaults=[{"selfhosted.bitwarden.server": {"unknown_settings": "fail"}}])


def test_every_fault_of_every_host_is_named_once(check):
    wrong, no_url = {**BY_HAND, "bitwarden_retry_timeout": "soon"}, {"bitwarden_url": "y"}
    with pytest.raises(CheckError) as caught:
        check({"bw1": {**wrong, "bitwarden_url": "x"}, "bw2": BY_HAND, "bw3": wrong, "bw4": {**BY_HAND, **no_url}})
    lines = str(caught.value).splitlines()
    assert lines[0] == "The variables of 3 of 4 hosts cannot be used. Nothing was done on any host."
    assert [line.split(": ")[0] for line in lines[1:]] == ["bw1, bw3", "bw1", "bw4"]


def test_a_rotation_is_refused_for_the_whole_organization(check):
    rotating = {**KEY, **ACCOUNT, "bitwarden_rotate": True}
    with pytest.raises(CheckError, match="bw1 of the same organization rotates") as caught:
        check({"bw1": rotating, "bw2": {**BY_HAND, **ACCOUNT}})
    assert list(caught.value.faults) == ["bw2"]
    other = {**BY_HAND, **ACCOUNT, "bitwarden_cloud_organization": "Another"}
    assert check({"bw1": rotating, "bw2": other})["second_pass"]


@pytest.mark.parametrize(("strategy", "refused"), [
    ("free", True), ("ansible.builtin.host_pinned", True), ("linear", False), ("ansible.builtin.debug", False),
    ("mitogen_linear", False),
])  # fmt: skip
def test_strategies(check, strategy, refused):
    if refused:
        with pytest.raises(CheckError, match="Set strategy: linear"):
            check({"bw1": BY_HAND}, strategy=strategy)
    else:
        check({"bw1": BY_HAND}, strategy=strategy)


def test_credentials_may_come_from_elsewhere(check):
    """From the play's module_defaults, and from the environment of the task."""
    group = {"group/selfhosted.bitwarden.api": {"client_id": KEY["bitwarden_client_id"], "client_secret": "canary"}}
    hosts = {"bw1": {"bitwarden_url": KEY["bitwarden_url"], "bitwarden_billing_sync_token": "canary"}}
    assert check(hosts, defaults=[group])["hosts"]
    assert check(hosts, environment=[{"BW_CLIENTID": KEY["bitwarden_client_id"], "BW_CLIENTSECRET": "canary"}])["hosts"]


@pytest.mark.parametrize(("group", "options", "text"), [
    ("group/selfhosted.bitwarden.host", {"bwdata": "relative"}, "bitwarden_bwdata: relative is not an absolute path."),
    ("selfhosted.bitwarden.server", {"region": "MARS"}, "value of region must be one of: EU, US."),
    ("selfhosted.bitwarden.server", {"fiel": "global"}, "Unknown options: fiel (did you mean file?)."),
    ("selfhosted.bitwarden.server", {"wait_timeout": "5min"}, "bitwarden_wait_timeout: '5min' is not a duration."),
    ("selfhosted.bitwarden.organization", {"license_max_age": "soon"}, "bitwarden_license_max_age: 'soon' is not a"),
    ("selfhosted.bitwarden.organization", {"license_max_age": False}, "bitwarden_license_max_age: 'False' is not a"),
])  # fmt: skip
def test_values_from_module_defaults_are_checked(check, group, options, text):
    with pytest.raises(CheckError) as caught:
        check({"bw1": BY_HAND}, defaults=[{group: options}])
    assert text in str(caught.value)


def test_what_a_host_has_is_resolved_once(check, resolved):
    variables = {**KEY, **ACCOUNT, "bitwarden_retry_timeout": "17s", "bitwarden_region": "EU",
                 "bitwarden_settings": {REGION: "EU"}, "bitwarden_pull": "no"}  # fmt: skip
    options = {"server": {"file": "global"}, "billing_sync_token": {"timeout": "19s"}}
    check({"bw1": variables}, defaults=[{f"selfhosted.bitwarden.{name}": one for name, one in options.items()}])
    for value in (*variables.values(), *options.values()):
        assert resolved.count(value) == 1, value


def test_a_plan_follows_the_variables(check):
    variables = {
        **KEY, **ACCOUNT, "bitwarden_offline": "no", "bitwarden_region": "EU", "bitwarden_rotate": "true",
        "bitwarden_pull": False, "bitwarden_cloud_organization": "{{ acme }}",
    }  # fmt: skip
    plan = check({"bw1": variables})["hosts"]["bw1"]
    assert (plan["cloud"], plan["rotate"], plan["pull"], plan["cloud_communication"]) == ("eu", True, False, True)
    assert plan["token_source"] == f'of ["eu", "{ACCOUNT["bitwarden_cloud_client_id"]}", "ACME"]'


def test_what_is_not_selected_is_not_required(check):
    plan = check({"bw1": {"bitwarden_url": KEY["bitwarden_url"]}}, tags=("server",))["hosts"]["bw1"]
    assert (plan["configure"], plan["steps"], plan["preflight"]) == (False, [], "skip")
    token = check({"bw1": {**BY_HAND, "bitwarden_license_file": "missing.json"}}, tags=("token",))["hosts"]["bw1"]
    assert token["steps"] == ["token"]


def test_only_the_license(check):
    plans = check({"bw1": {**KEY, "bitwarden_license_file": "there.json"}}, license_only=True)["hosts"]
    assert (plans["bw1"]["steps"], plans["bw1"]["license"]) == (["license"], "file")
    assert plans["bw1"]["license_file"].endswith("/there.json")


@pytest.mark.parametrize("folder", [".", "inventory", "inventory/files"])
def test_a_relative_file_is_found_with_the_caller(check, tmp_path, folder):
    (tmp_path / folder / "licenses").mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "licenses/bw1.json").write_text("{}")
    plans = check({"bw1": {**BY_HAND, "bitwarden_license_file": "licenses/bw1.json"}})["hosts"]
    assert plans["bw1"]["license_file"] == str((tmp_path / folder / "licenses/bw1.json").resolve())


@pytest.mark.parametrize(("secrets", "content", "text"), [
    (SECRETS, b"{}", ""), (SECRETS, b" \n", "there.json cannot be read: it is empty."),
    ([("default", VaultSecret(b"another"))], b"{}", "there.json cannot be read: "),
])  # fmt: skip
def test_an_encrypted_license_is_decrypted_in_memory(check, tmp_path, monkeypatch, secrets, content, text):
    def fail(self, content):
        raise AssertionError("decrypted content on a disk")

    monkeypatch.setattr(DataLoader, "_create_content_tempfile", fail)
    (tmp_path / "there.json").write_bytes(VaultLib(secrets).encrypt(content))
    variables = {**BY_HAND, "bitwarden_license_file": "there.json"}
    if text:
        assert text in faults(check, variables)
    else:
        assert check({"bw1": variables})["hosts"]


@pytest.mark.parametrize(("name", "near"), [
    ("bitwarden_licence_file", "bitwarden_license_file"), ("bitwarden_rotat", "bitwarden_rotate"),
    ("bitwardenregion", "bitwarden_region"), ("Bitwarden_Regoin", "bitwarden_region"), ("bitwardencli_path", ""),
    ("bitwardn_region", "bitwarden_region"), ("bitwarden_max_fail_percent", "bitwarden_max_fail_percentage"),
    ("bitwarden_docker_packages", ""), ("bitwarden_status", ""), ("bridge_url", ""),
])  # fmt: skip
def test_a_mistyped_variable_is_warned_of(check, name, near):
    expected = [f"The role reads no variable {name}. Did you mean {near}?"] if near else []
    assert check({"bw1": {**BY_HAND, name: "x"}, "bw2": {**BY_HAND, name: "y"}})["warnings"] == expected


def test_the_plan_holds_no_secret(check):
    found = check({"bw1": BY_HAND, "bw2": {**KEY, **ACCOUNT}})
    assert "canary" not in str(found) and found["hosts"]["bw2"]["fetch"]
