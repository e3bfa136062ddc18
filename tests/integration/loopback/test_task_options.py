# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a task is given, on the oldest and the newest ansible-core.

Options that cannot be used show no secret, those encrypted in place or left empty mean what they say, and its
environment counts on the controller.
"""

from __future__ import annotations

import datetime
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.integration.ansible_run import Run, Vaulted, playbook

from .standin_pair import CANARIES, CLOUD_ORGANIZATION, INSTALLATION, NAME, ORGANIZATION, OWNER, OWNER_KEY, TOKEN, Pair
from .standin_pair import PASSWORD as MASTER_PASSWORD
from .test_action_plugins import CORES, inventory

KEY = f"user.{OWNER}"
LICENSE = '{\n  "LicenseKey": "CanaryLicenseKey00000001",\n  "Users": 10\n}\n'
PEM = "-----BEGIN PRIVATE KEY-----\nCanaryPrivateKey00000000000000001\n-----END PRIVATE KEY-----\n"
SECRETS = {
    "secret": OWNER_KEY,
    "license": LICENSE,
    "one_line": json.dumps(json.loads(LICENSE)),
    "encoded": "Q2FuYXJ5" * 40,
    "pem": PEM,
}
HIDDEN = [*CANARIES, "CanaryLicenseKey00000001", "CanaryPrivateKey00000000000000001", "Q2FuYXJ5"]
NOT_A_PATH = "holds the text of a file, not a path"
PASSWORD = "password of the vault"

# Task, and what its failure says. ``{{ … }}`` are the SECRETS, given where they do not belong.
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("billing_sync", {}, "state is present but all of the following are missing: billing_sync_token."),
    ("billing_sync", {"billing_sync_token": "{{ secret }}", "enabled": "{{ secret }}"}, "enabled is not of type bool."),
    ("billing_sync", {"billing_sync_token": "x", "state": "{{ secret }}"}, "state must be one of: present, absent."),
    ("billing_sync", {"clientsecret": "{{ secret }}", "timeot": 1, "billing_sync_token": "x"},
     "Unknown options: clientsecret (did you mean client_secret?), timeot (did you mean timeout?). The options of "
     "billing_sync are api_url,"),
    ("billing_sync", {"billing_sync_token": True}, "billing_sync_token is a boolean to YAML"),
    ("organization_info", {"client_secret": 83}, "(0123 becomes 83). Quote it."),
    ("organization_info", {"client_secret": 1.5}, "client_secret is a number to YAML"),
    ("organization_info", {"client_secret": datetime.date(2026, 1, 2)}, "client_secret is a date to YAML"),
    ("organization_info", {"client_secret": ["{{ secret }}"]}, "client_secret is a list, not a text. Quote it."),
    ("organization_info", {"client_secret": {"a": "{{ secret }}"}}, "client_secret is a mapping, not a text"),
    ("organization_info", {"client_secret": False, "timeout": ["{{ secret }}"], "enabled": "{{ secret }}"},
     "client_secret is a boolean to YAML, which does not keep how it was written (yes becomes true). Quote it. timeout "
     "is a list, not a text. Quote it. Unknown options: enabled. "),
    ("organization_info", {"client_key": "{{ pem }}", "client_cert": "{{ pem }}"}, f"client_key {NOT_A_PATH}"),
    ("organization_info", {"client_key": "{{ secret }}"}, "client_key does not exist on the controller: ********"),
    ("organization_info", {"ca_path": "{{ pem }}", "run_on": "host"}, f"ca_path {NOT_A_PATH}"),
    ("organization_info", {"url": "{{ secret }}"}, "url is not an address of a server: '********'"),
    ("organization_info", {"url": {"password": "{{ secret }}"}}, "url is a mapping, not a text."),
    ("organization_info", {"url": "https://user:{{ secret }}@vault"}, "url must not hold a user name or password"),
    ("organization_info", {"timeout": "{{ secret }}"}, "timeout: '********' is not a duration"),
    ("organization_info", {"client_id": "{{ secret }}"}, "client_id belongs to no API key"),
    ("license_sync", {"url": "vault", "client_id": "x", "max_age": "7 days", "retry_timeout": "soon", "ca_path": "/no"},
     "url is not an address of a server: 'vault'. Write it as https://vault.example.com. client_id belongs to no API "
     "key: a user's personal API key is needed, user.<id>. An owner of the organization finds it in the web vault: "
     "Settings, Security, Keys, View API key. ca_path does not exist on the controller: /no. max_age: '7 days' is not "
     "a duration. Write a number and a unit: 30s, 10m, 26h, 7d or 2w. retry_timeout: 'soon' is not a duration"),
    ("organization", {"headers": "{{ secret }}", "url": "vault", "run_on": "host", "ca_path": "/no", "forse": True},
     "headers is not of type dict. url is not an address"),
    ("organization_info", {"headers": {"X-Key": 83}}, "X-Key in headers is a number to YAML"),
    ("billing_sync_token", {"max_age": "x", "client_id": "x"}, "max_age: 'x' is not a duration"),
    ("license", {"src": "{{ license }}"}, f"src {NOT_A_PATH}. Write the path of the file, or give the text in content"),
    ("license", {"src": "{{ one_line }}", "run_on": "host"}, f"src {NOT_A_PATH}"),
    ("license", {"src": "{{ encoded }}"}, f"src {NOT_A_PATH}"),
    ("license", {"src": "{{ secret }}"}, "src cannot be read on the controller"),
    ("license", {"content": 5}, "content is a number to YAML"),
    ("license", {"content": "{{ one_line }}", "bwdata": "{{ license }}"}, f"bwdata {NOT_A_PATH}"),
    ("organization", {"license": {"src": "{{ one_line }}"}}, f"src {NOT_A_PATH}"),
    ("organization", {"license": {"content": True}}, "content is a boolean to YAML"),
    ("organization", {"license": "{{ one_line }}"}, "src, content found in license"),
    ("organization", {"license": "{{ secret }}"}, "license is not of type dict"),
    ("organization", {"license": {"contents": "{{ license }}"}}, "license.contents"),
    ("organization", {"steps": ["{{ secret }}"]}, "value of steps must be one or more of: license, token, sync."),
    ("organization", {"syncs_per_minute": "{{ secret }}"}, "syncs_per_minute is not of type int"),
    ("cloud_license", {"installation_id": INSTALLATION, "dest": "{{ license }}"}, f"dest {NOT_A_PATH}"),
    ("cloud_license", {"installation_id": INSTALLATION, "master_password": 83}, "master_password is a number to YAML"),
    ("cloud_license", {}, "missing required arguments: installation_id"),
    ("billing_sync_token", {"cloud": "{{ secret }}"}, "cloud is neither US nor EU"),
    ("server", {"bwdata": "{{ license }}"}, "bwdata"),
    ("server", {"bwdata": "{{ secret }}"}, "bwdata: ******** is not an absolute path"),
    ("server", {"state": "{{ secret }}"}, "state must be one of: started, restarted, stopped."),
    ("server", {"pulls": "{{ secret }}", "wait_timeout": 0}, "Unknown options: pulls (did you mean pull?)"),
    ("server", {"wait_timeout": "{{ secret }}"}, "wait_timeout: '********' is not a duration"),
    ("server", {"settings": {"globalSettings__siteName": datetime.datetime(2026, 1, 2, 3, 4)}},
     "globalSettings__siteName is a date to YAML, which does not keep how it was written. Quote it."),
    ("fleet_report", {"hosts": "{{ secret }}"}, "hosts is not of type dict"),
    ("override_env", {"stuff": [{"password": "{{ secret }}"}]}, "Unknown options: stuff."),
]  # fmt: skip


@lru_cache(maxsize=None)
def faulty_run(core: str, folder: Path) -> tuple[Run, str]:
    """Run once all that is wrong; return it, with all that it printed and logged."""
    tasks = [
        {f"selfhosted.bitwarden.{plugin}": options, "ignore_errors": True, "check_mode": plugin == "license"}
        for plugin, options, _says in FAULTS
    ]
    shared = {"client_id": KEY, "client_secret": "{{ secret }}"}
    nowhere = {"api_url": "http://127.0.0.1:1", "identity_url": "http://127.0.0.1:1"}
    plays = [
        {
            "hosts": "all",
            "gather_facts": False,
            "module_defaults": {
                "group/selfhosted.bitwarden.api": {**shared, "url": "http://127.0.0.1:1"},
                "group/selfhosted.bitwarden.cloud": {**shared, "cloud": nowhere},
            },
            "tasks": tasks,
        }
    ]
    log = {"ANSIBLE_LOG_PATH": str(folder / f"{core}.log")}
    done = playbook(plays, "-vvvv", "--diff", core=core, inventory=inventory(folder), environment=log, **SECRETS).ok()
    return done, done.output + (folder / f"{core}.log").read_text() + json.dumps(done.tasks)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("options")


@CORES
def test_each_fault_is_named(core: str, folder: Path) -> None:
    done, _all = faulty_run(core, folder)
    assert [task.action.rpartition(".")[2] for task in done.tasks] == [plugin for plugin, _options, _says in FAULTS]
    for task, (plugin, options, says) in zip(done.tasks, FAULTS):
        texts = [task.result.get("msg", ""), *task.result.get("warnings", [])]
        assert says in " ".join(texts), (plugin, options)
        assert task.result["changed"] is False
        assert "defect" not in " ".join(texts)


@CORES
def test_no_fault_shows_a_secret(core: str, folder: Path) -> None:
    _done, everything = faulty_run(core, folder)
    assert not [secret for secret in HIDDEN if secret in everything]


BROKEN = """
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.action.organization_info import ActionModule as Real

class ActionModule(Real):
    def perform(self, params, check_mode, task_vars):
        secret = params["client_secret"]
        if self._task.args["organization"] == "lost":
            raise AnsibleConnectionFailure("no route with " + secret)
        if self._task.args["organization"] == "ansible":
            raise AnsibleError("told " + secret, obj=self._task.args)
        try:
            raise KeyError(secret)
        except KeyError as error:
            raise RuntimeError(f"of {secret!r}") from error
"""


@CORES
def test_a_defect_is_a_failure_that_shows_no_secret(tmp_path: Path, core: str) -> None:
    (tmp_path / "action").mkdir()
    (tmp_path / "action" / "broken.py").write_text(BROKEN)
    log = tmp_path / "log"
    options = {"url": "http://127.0.0.1:1", "client_id": KEY, "client_secret": "{{ secret }}"}
    tasks = [
        {"broken": {**options, "organization": name}, "ignore_errors": True, "ignore_unreachable": True}
        for name in ("defect", "ansible", "lost")
    ]
    plays = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    environment = {"ANSIBLE_ACTION_PLUGINS": str(tmp_path / "action"), "ANSIBLE_LOG_PATH": str(log)}
    environment["ANSIBLE_DISPLAY_TRACEBACK"] = "error"
    done = playbook(
        plays, "-vvvv", core=core, inventory=inventory(tmp_path), environment=environment, secret=OWNER_KEY
    ).ok()
    assert [task.status for task in done.tasks] == ["failed", "failed", "unreachable"]
    defect, ansible, lost = [task.result["msg"] for task in done.tasks]
    assert defect.startswith("broken failed with a defect of its own: RuntimeError in broken.py, line ")
    assert "of '********'" in defect
    assert (ansible, lost) == ("told ********", "no route with ********")
    assert "Traceback" in done.output
    assert OWNER_KEY not in done.output + log.read_text() + json.dumps(done.tasks)


def vaulted(text: str) -> Vaulted:
    return Vaulted(VaultLib([("default", VaultSecret(PASSWORD.encode()))]).encrypt(text).decode())


def run_play(folder: Path, play: dict[str, Any], core: str, *options: str, environment: Any = (), **more: Any) -> Run:
    """Run a play that can decrypt what is ``vaulted``; no secret is shown. ``environment`` is that of the process."""
    (folder / "password").write_text(PASSWORD)
    variables = {"ANSIBLE_VAULT_PASSWORD_FILE": str(folder / "password"), **dict(environment)}
    plays = [{"hosts": "all", "gather_facts": False, **play}]
    done = playbook(plays, *options, core=core, inventory=inventory(folder), environment=variables, **more)
    everything = done.output + json.dumps(done.tasks)
    assert not [canary for canary in CANARIES if canary in everything]
    return done


def run(pair: Pair, folder: Path, tasks: list[dict[str, Any]], core: str, *options: str, **more: Any) -> Run:
    environment = more.pop("environment", {})
    return run_play(folder, {**more, "tasks": tasks}, core, *options, environment=environment)


@CORES
@pytest.mark.parametrize("place", ["controller", "host"])
def test_values_encrypted_in_place(pair: Pair, tmp_path: Path, core: str, place: str) -> None:
    """Of a task, below another option, and of module_defaults; of a template that has nothing else, too."""
    text = pair.server.license_file.read_text()
    cloud = pair.cloud.addresses
    tasks: list[dict[str, Any]] = [
        {"selfhosted.bitwarden.billing_sync": {"billing_sync_token": vaulted(TOKEN), "run_on": place}},
        {"selfhosted.bitwarden.organization": {"license": {"content": vaulted(text)}, "run_on": place}},
        {"selfhosted.bitwarden.license": {"content": vaulted(text), "run_on": place}},
        {"selfhosted.bitwarden.organization_info": {"client_secret": "{{ key }}", "run_on": place},
         "vars": {"key": vaulted(OWNER_KEY)}},
    ]  # fmt: skip
    if place == "controller":
        tasks.append({"selfhosted.bitwarden.billing_sync_token": {}})
    shared = {"client_id": vaulted(KEY), "client_secret": vaulted(OWNER_KEY), "organization": NAME}
    defaults = {
        "group/selfhosted.bitwarden.api": {**shared, "url": pair.server.url},
        "group/selfhosted.bitwarden.cloud": {**shared, "cloud": cloud, "master_password": vaulted(MASTER_PASSWORD)},
    }
    done = run(pair, tmp_path, tasks, core, "-vvvv", "--diff", module_defaults=defaults).ok()
    assert done.recap("vault")["changed"] == 1
    assert done.result("vault", "organization_info")["connection"]["billing_sync_token_set"] is True


@CORES
def test_a_value_that_cannot_be_decrypted_is_a_failure(pair: Pair, tmp_path: Path, core: str) -> None:
    other = Vaulted(VaultLib([("default", VaultSecret(b"another"))]).encrypt("x").decode())
    options = {"url": pair.server.url, "client_id": KEY, "client_secret": other}
    done = run(pair, tmp_path, [{"selfhosted.bitwarden.organization_info": options}], core)
    assert done.status != 0
    assert "decrypt" in done.output.lower()


@CORES
@pytest.mark.parametrize("place", ["controller", "host"])
def test_empty_and_null_mean_not_set(pair: Pair, tmp_path: Path, core: str, place: str) -> None:
    for empty in ("", None):
        names = "organization api_url identity_url ca_path client_cert client_key timeout validate_certs wait_timeout"
        unset = dict.fromkeys([*names.split(), "client_id", "client_secret"], empty)
        names = "license billing_sync_token enabled license_max_age steps egress syncs_per_minute bwdata retry_timeout"
        more = dict.fromkeys(names.split(), empty)
        shared = {"url": pair.server.url, "run_on": place}
        key = {"BW_CLIENTID": KEY, "BW_CLIENTSECRET": OWNER_KEY}
        tasks = [
            {"selfhosted.bitwarden.organization_info": {**shared, **unset}},
            {"selfhosted.bitwarden.organization": {**shared, **unset, **more}},
            {"selfhosted.bitwarden.server_info": {"bwdata": None, "organization": empty, "show_settings": empty},
             "ignore_errors": True},
        ]  # fmt: skip
        done = run(pair, tmp_path, tasks, core, environment=key).ok()
        assert done.result("vault", "organization_info")["organization"]["id"] == ORGANIZATION
        assert done.result("vault", "organization")["changed"] is False
        assert "/opt/bitwarden/bwdata" in done.result("vault", "server_info")["msg"]
    assert pair.writes() == []


@CORES
def test_the_environment_of_a_task_counts_on_the_controller(pair: Pair, tmp_path: Path, core: str) -> None:
    """Of play, block and task, ahead of the controller's own, and for one item of a loop only."""
    task: dict[str, Any] = {"url": pair.server.url, "wait_timeout": "0s"}
    dead = "http://127.0.0.1:1"
    tasks = [
        {"selfhosted.bitwarden.organization_info": task, "environment": {"BW_CLIENTSECRET": "{{ key }}"}},
        {"selfhosted.bitwarden.organization_info": {**task, "run_on": "host"},
         "environment": {"BW_CLIENTSECRET": "{{ key }}"}},
        {"selfhosted.bitwarden.organization_info": task, "ignore_errors": True,
         "environment": {"BW_CLIENTSECRET": "{{ key }}", "HTTP_PROXY": "{{ item }}", "NOT_SET": None},
         "loop": [dead, "", dead, ""], "register": "asked"},
        {"ansible.builtin.assert": {"that": [
            "asked.results | map(attribute='failed') | list == [true, false, true, false]",
            "'proxy' in asked.results[0].msg",
        ]}},
        {"selfhosted.bitwarden.organization_info": task, "ignore_errors": True},
    ]  # fmt: skip
    block = {"block": tasks, "environment": {"BW_CLIENTID": KEY}, "vars": {"key": vaulted(OWNER_KEY)}}
    own = {"BW_CLIENTID": "user.wrong", "BW_CLIENTSECRET": "wrong", "http_proxy": ""}
    done = run(pair, tmp_path, [block], core, environment=own).ok()
    assert [task.status for task in done.of("vault", "organization_info")] == ["ok", "ok", "failed", "failed"]
    last = done.of("vault", "organization_info")[-1]
    assert "refused the login" in last.result["msg"], "what a task before it had set is gone"


@CORES
def test_the_cloud_too_takes_its_key_from_the_environment_of_the_task(pair: Pair, tmp_path: Path, core: str) -> None:
    cloud = pair.cloud.addresses
    variables = {
        "BW_CLOUD_CLIENTID": KEY,
        "BW_CLOUD_CLIENTSECRET": OWNER_KEY,
        "BW_CLOUD_PASSWORD": MASTER_PASSWORD,
    }
    task = {"selfhosted.bitwarden.billing_sync_token": {"cloud": cloud, "organization": CLOUD_ORGANIZATION}}
    run(pair, tmp_path, [{**task, "environment": variables}], core, "-vvvv").ok()
