# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module as a user runs it: by ansible-playbook, on the oldest and the newest ansible-core."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.support.tools.commands import WORK, environment

PLACES = [WORK / name / "bin" / "ansible-playbook" for name in ("venv", "venv-oldest")]
CONTROLLERS = [path for path in PLACES if path.exists()]
pytestmark = pytest.mark.skipif(not CONTROLLERS, reason="no ansible-core under .work (the project's set-up makes it)")

BEFORE = """# written by the installer
globalSettings__baseServiceUri__cloudRegion=US
globalSettings__mail__smtp__password=REPLACE

globalSettings__mail__smtp__host=REPLACE # canary-free comment
"""
AFTER = """# written by the installer
globalSettings__baseServiceUri__cloudRegion=EU
globalSettings__mail__smtp__password='canary$1 #x'

globalSettings__mail__smtp__host=smtp.example.com # canary-free comment
globalSettings__installation__identityUri=https://identity.bitwarden.eu
globalSettings__installation__apiUri=https://api.bitwarden.eu
globalSettings__pushRelayBaseUri=https://push.bitwarden.eu
globalSettings__installation__key=canary2
globalSettings__enableCloudCommunication=true
"""
# Secrets stand in variables, as they do in a vault.
VARIABLES = {
    "password": "canary$1 #x",
    "key": "canary2",
    "short": "e",
    "typo": {"globalSettings__mail__smtp__host": "canary3"},
    "plain_text": "canary4",
    "json_text": '{"globalSettings__installation__key": "canary5\\n"}',
}
VAULT_PASSWORD = b"of the test"
PLAYBOOK = """
- hosts: localhost
  connection: local
  gather_facts: false
  environment:
    PYTHONPATH: "{{ journal }}"
    JOURNAL: "{{ journal }}/journal.txt"
  module_defaults:
    group/selfhosted.bitwarden.host:
      bwdata: "{{ bwdata }}"
  vars:
    encrypted: VAULTED
    several:
      globalSettings__projectName: "{{ encrypted }}"
  tasks:
    - &set
      name: Predict
      selfhosted.bitwarden.override_env:
        cloud_communication: true
        region: EU
        settings:
          GLOBALSETTINGS__MAIL__SMTP__PASSWORD: "{{ password }}"
          globalSettings:mail:smtp:host: smtp.example.com
        secret_settings:
          globalSettings__installation__key: "{{ key }}"
        backup: true
      check_mode: true
      diff: true
      register: predicted
    - {<<: *set, name: Set, check_mode: false, register: done}
    - {<<: *set, name: Set again, check_mode: false, register: again}
    - {<<: *set, name: Set in the background, check_mode: false, async: 30, poll: 1, register: background}
    - &wrong
      name: Misspell an option
      selfhosted.bitwarden.override_env:
        secret_setings: "{{ typo }}"
      register: misspelt
      ignore_errors: true
    - {<<: *wrong, name: Give text, selfhosted.bitwarden.override_env: {settings: "{{ plain_text }}"}, register: text}
    - <<: *wrong
      name: Give secret text
      selfhosted.bitwarden.override_env: {secret_settings: "{{ plain_text }}"}
      register: secret_text
    - <<: *wrong
      name: Give a line break
      selfhosted.bitwarden.override_env: {settings: "{{ json_text }}"}
      register: line_break
    - <<: *wrong
      name: Give a wrong number
      selfhosted.bitwarden.override_env: {settings: {globalSettings__mail__smtp__port: "{{ short }}"}}
      register: number
    - <<: *wrong
      name: Name no server
      selfhosted.bitwarden.override_env: {bwdata: "{{ bwdata }}/none", cloud_communication: true}
      register: nowhere
    - <<: *wrong
      name: Give no duration
      selfhosted.bitwarden.override_env: {lock_timeout: soon, cloud_communication: true}
      register: duration
    - {<<: *wrong, name: Give an empty path, selfhosted.bitwarden.override_env: {bwdata: ""}, register: no_path}
    - <<: *wrong
      name: Give structures where single values belong
      selfhosted.bitwarden.override_env:
        bwdata: {password: "{{ plain_text }}"}
        backup: ["{{ plain_text }}"]
        settings: {globalSettings__siteName: {password: "{{ plain_text }}"}}
      register: structures
    - name: Set a short secret
      selfhosted.bitwarden.override_env: {secret_settings: {globalSettings__hibpApiKey: "{{ short }}"}}
      register: garbled
      check_mode: true
    - &encrypted
      name: Set an encrypted value whose name does not tell a secret
      selfhosted.bitwarden.override_env: {settings: {globalSettings__siteName: VAULTED}}
      check_mode: true
      diff: true
      register: encrypted_inline
    - <<: *encrypted
      name: Set an encrypted variable
      selfhosted.bitwarden.override_env: {settings: {globalSettings__siteName: "{{ encrypted }}"}}
      register: encrypted_variable
    - <<: *encrypted
      name: Set a value with an encrypted variable in it
      selfhosted.bitwarden.override_env: {settings: {globalSettings__siteName: "https://{{ encrypted }}/"}}
      register: encrypted_part
    - <<: *encrypted
      name: Set a mapping with an encrypted value
      selfhosted.bitwarden.override_env: {settings: "{{ several }}"}
      register: encrypted_mapping
    - <<: *encrypted
      name: Have an encrypted value in module_defaults
      selfhosted.bitwarden.override_env:
      module_defaults:
        group/selfhosted.bitwarden.host:
          bwdata: "{{ bwdata }}"
          settings: {globalSettings__siteName: VAULTED}
      register: encrypted_default
    - {<<: *wrong, name: Give an option of no module, register: unknown,
       selfhosted.bitwarden.override_env: {stuff: [{password: "{{ plain_text }}"}], lock_timeout: soon}}
    - name: Have defaults that the module does not know
      selfhosted.bitwarden.server_info:
      ignore_errors: true
      module_defaults:
        group/selfhosted.bitwarden.host:
          client_secret: "{{ plain_text }}"
      register: unknown_default
    - name: Keep the results
      ansible.builtin.copy:
        content: "{{ {'predicted': predicted, 'done': done, 'again': again, 'background': background,
          'misspelt': misspelt, 'text': text, 'secret_text': secret_text, 'line_break': line_break,
          'number': number, 'nowhere': nowhere, 'duration': duration,
          'no_path': no_path, 'structures': structures, 'garbled': garbled,
          'encrypted_inline': encrypted_inline, 'encrypted_variable': encrypted_variable,
          'encrypted_part': encrypted_part, 'encrypted_mapping': encrypted_mapping,
          'encrypted_default': encrypted_default,
          'unknown': unknown, 'unknown_default': unknown_default} | to_json }}"
        dest: "{{ results }}"
        mode: "0600"
"""
# Stands in for the journal of the host, where Ansible writes a module's options before the module runs.
JOURNAL = """
import os
def sendv(*fields):
    raise NotImplementedError
def send(**fields):
    with open(os.environ["JOURNAL"], "a") as stream:
        stream.write(repr(fields) + "\\n")
"""


class Run(NamedTuple):
    output: str
    journal: str
    results: Dict[str, Any]
    file: Path


@pytest.fixture(scope="module", params=CONTROLLERS, ids=lambda path: path.parent.parent.name)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("override_env")
    file = folder / "bwdata" / "env" / "global.override.env"
    file.parent.mkdir(parents=True)
    file.write_text(BEFORE)
    file.chmod(0o640)
    (folder / "systemd").mkdir()
    (folder / "systemd" / "__init__.py").write_text("")
    (folder / "systemd" / "daemon.py").write_text("def booted():\n    return True\n")
    (folder / "systemd" / "journal.py").write_text(JOURNAL)
    (folder / "password").write_bytes(VAULT_PASSWORD)
    encrypted = VaultLib().encrypt("canary6.example.com", VaultSecret(VAULT_PASSWORD)).decode()
    play = PLAYBOOK.replace("VAULTED", f"!vault {json.dumps(encrypted)}")
    (folder / "play.yml").write_text(play)
    variables = {
        **VARIABLES,
        "bwdata": str(folder / "bwdata"),
        "journal": str(folder),
        "results": str(folder / "results.json"),
        "ansible_python_interpreter": sys.executable,
        "ansible_async_dir": str(folder / "async"),
    }
    (folder / "variables.json").write_text(json.dumps(variables))
    done = subprocess.run(
        [str(request.param), "-vvvv", "-i", "localhost,", "-e", f"@{folder}/variables.json",
         "--vault-password-file", str(folder / "password"), str(folder / "play.yml")],
        capture_output=True, text=True, check=False, cwd=folder, timeout=120,
        env=environment(ANSIBLE_LOCAL_TEMP=str(folder / "local"), ANSIBLE_REMOTE_TEMP=str(folder / "remote")),
    )  # fmt: skip
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    results = json.loads((folder / "results.json").read_text())
    return Run(output, (folder / "journal.txt").read_text(), results, file)


def test_check_mode_predicts_what_the_run_then_does(run: Run) -> None:
    predicted, done = run.results["predicted"], run.results["done"]
    assert predicted["changed"] is done["changed"] is True
    assert predicted["changes"] == done["changes"]
    assert predicted["diff"] == done["diff"]
    assert "backup_file" not in predicted
    assert {one["key"]: one["action"] for one in done["changes"]} == {
        "globalSettings__baseServiceUri__cloudRegion": "changed",
        "globalSettings__mail__smtp__password": "changed",
        "globalSettings__mail__smtp__host": "changed",
        "globalSettings__installation__identityUri": "added",
        "globalSettings__installation__apiUri": "added",
        "globalSettings__pushRelayBaseUri": "added",
        "globalSettings__installation__key": "added",
        "globalSettings__enableCloudCommunication": "added",
    }


def test_the_file_is_changed_line_by_line(run: Run) -> None:
    assert run.file.read_text() == AFTER
    assert stat.S_IMODE(run.file.stat().st_mode) == 0o640
    backup = Path(run.results["done"]["backup_file"])
    assert backup.read_text() == BEFORE
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert sorted(run.file.parent.iterdir()) == sorted([run.file, backup])


@pytest.mark.parametrize("name", ["again", "background"])
def test_the_second_run_changes_nothing(run: Run, name: str) -> None:
    result = run.results[name]
    assert (result["changed"], result["changes"], result["path"]) == (False, [], str(run.file))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("misspelt", "secret_setings"),
        ("text", "settings must be a mapping"),
        ("secret_text", "secret_settings"),
        ("line_break", "it contains a line break"),
        ("number", "globalSettings__mail__smtp__port takes a 32-bit integer"),
        ("nowhere", "is not the data folder of the server. Set it to"),
        ("duration", "lock_timeout: 'soon' is not a duration"),
        ("unknown", "Unknown options: stuff. The options of override_env are backup"),
        ("unknown", "lock_timeout: 'soon' is not a duration"),
        ("no_path", "bwdata: is empty. Set it to an absolute path"),
        ("structures", "bwdata takes a single value, not a list or mapping. backup takes a single value"),
        ("unknown_default", "Unknown options: client_secret. The options of server_info are backup_dest"),
    ],
)
def test_wrong_arguments_are_named(run: Run, name: str, message: str) -> None:
    assert run.results[name]["failed"] is True
    assert message in run.results[name]["msg"]


def test_a_short_secret_does_not_garble_the_result(run: Run) -> None:
    result = run.results["garbled"]
    assert (result["changed"], result["path"]) == (True, str(run.file))
    assert result["changes"] == [{"key": "globalSettings__hibpApiKey", "action": "added"}]


@pytest.mark.parametrize("name", ["inline", "variable", "part", "mapping", "default"])
def test_encrypted_values_are_secret_whatever_their_name(run: Run, name: str) -> None:
    result = run.results[f"encrypted_{name}"]
    (change,) = result["changes"]
    assert result["diff"]["after"] == f"{change['key']}=********\n"
    assert "not a setting" not in str(result)


def test_secrets_show_nowhere(run: Run) -> None:
    channels: List[str] = [run.output, run.journal, json.dumps(run.results)]
    for text in channels:
        for number in ("$1 #x", "2", "3", "4", "5", "6"):
            assert f"canary{number}" not in text
    assert "Invoked with" in run.journal
    assert "smtp.example.com" in run.journal
    assert "globalSettings__mail__smtp__password=********" in run.results["done"]["diff"]["after"]
