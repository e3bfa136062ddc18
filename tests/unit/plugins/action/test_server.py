# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens on the controller: the keys of config.yml, the certificate's files."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleFileNotFound
from ansible_collections.selfhosted.bitwarden.plugins.action import server as server_action
from ansible_collections.selfhosted.bitwarden.plugins.action.server import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES

from tests.support.certificates import issue
from tests.support.tools.commands import WORK


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Have the plugin check the arguments of a task, with files of the controller: ``checked(files, **arguments)``."""
    monkeypatch.setattr(server_action, "find_file", lambda action, path, variables: path)

    def make(files, **arguments):
        def read(loader, path):
            if path not in files:
                raise AnsibleFileNotFound(file_name=path)
            return files[path]

        monkeypatch.setattr(server_action, "read_decrypted", read)
        found = ActionModule.__new__(ActionModule)
        found._loader = None
        found._task = SimpleNamespace(args=arguments, module_defaults=[])
        return found, found._checked_arguments({})

    return make


NAME = "vault.example.com"
ISSUED = issue(NAME, (NAME,))
FILES = {"a.crt": ISSUED.pem.encode(), "a.key": ISSUED.key_pem().encode()}
PATHS = {"cert": "a.crt", "key": "a.key"}


def test_the_contents_are_sent_in_place_of_the_paths(checked):
    action, arguments = checked(FILES, certificate=PATHS, config={"http_port": 8080})
    assert arguments["certificate"] == {"cert": ISSUED.pem, "key": ISSUED.key_pem()}
    assert arguments["config"] == {"http_port": 8080}
    result = action._with_paths({"invocation": {"module_args": dict(arguments)}})
    assert result["invocation"]["module_args"]["certificate"] == PATHS
    assert action.options()["certificate"]["options"]["key"]["no_log"] is False


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"certificate": {**PATHS, "cert": "b.crt"}}, ["certificate.cert: b.crt cannot be read on the controller"]),
        ({"certificate": {**PATHS, "key": ISSUED.key_pem()}}, ["certificate.key holds the text of a file"]),
        ({"certificate": {**PATHS, "key": "der"}}, ["certificate.key: der is not PEM"]),
        ({"certificate": {**PATHS, "key": "a.crt"}}, ["certificate.key: the file holds no private key"]),
        ({"certificate": {"cert": "a.crt"}}, ["key"]),
        ({"certificate": {**PATHS, "crt": "x"}}, ["crt"]),
        ({"config": {"http_port": "x"}, "wait_timeout": "soon"}, ["config.http_port", "wait_timeout"]),
        ({"config": {"htp_port": 1}}, ["Did you mean http_port"]),
    ],
)
def test_every_fault_is_named_before_anything_is_sent(checked, arguments, words):
    with pytest.raises(BitwardenError) as error:
        checked({**FILES, "der": b"\x30\x82\xff"}, **arguments)
    assert all(word in str(error.value) for word in words), str(error.value)
    assert not any(line in str(error.value) for line in ISSUED.key_pem().splitlines()[1:-1])


PASSWORD = "globalSettings__mail__smtp__password"
PORT = "globalSettings__mail__smtp__port"


@pytest.fixture
def sent(monkeypatch):
    """Run a task: ``sent(answers, **arguments)`` returns the result and the modules that were sent, with options."""

    def make(answers, background=0, **arguments):
        modules = []

        def execute_module(module_name, module_args, task_vars, wrap_async):
            name = module_name.rpartition(".")[2]
            modules.append((name, module_args))
            return {**answers[name], "invocation": {"module_args": module_args}}

        found = ActionModule.__new__(ActionModule)
        found._task = SimpleNamespace(args=arguments, module_defaults=[], async_val=background)
        found._connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
        monkeypatch.setattr(found, "_execute_module", execute_module, raising=False)
        monkeypatch.setattr(found, "_remove_tmp_path", lambda path: None, raising=False)
        return found.execute({}), modules

    return make


YES = {"unchanged": True, "changed": False, "failed": False, "services": []}
NO = {"unchanged": False, "changed": False, "failed": False}
OF_SERVER = {"changed": True}


def test_where_nothing_is_to_change_module_server_is_not_sent(sent):
    result, modules = sent(
        {"server_unchanged": YES},
        settings={PORT: 587, PASSWORD: "CanaryMailPassword", "globalSettings__noSuch": "x"},
        cloud_communication=True,
        region="us",
    )
    assert [name for name, _options in modules] == ["server_unchanged"]
    assert modules[0][1] == {
        "bwdata": "/opt/bitwarden/bwdata",
        "script": None,
        "file": "global.override.env",
        "settings": {PORT: "587", "globalSettings__noSuch": "x", "globalSettings__enableCloudCommunication": "true"},
        "secret_settings": {PASSWORD: "CanaryMailPassword"},
        "region": "US",
        "pull": True,
        "wait": True,
        "timeout": 600.0,
    }
    shown = result.pop("invocation")["module_args"]
    assert (shown["state"], shown["lock_timeout"], shown["settings"][PORT]) == ("started", "15m", 587)
    assert set(shown) == set(HOST_MODULES["server"]) and "Canary" not in str(shown)
    warnings = result.pop("warnings")
    assert len(warnings) == 1 and "globalSettings__noSuch is not a setting" in warnings[0]
    assert result == {"changed": False, "failed": False, "services": []}


@pytest.mark.parametrize("answer", [NO, {"failed": True, "msg": "MODULE FAILURE"}, {}])
def test_otherwise_it_is_sent_with_its_own_options(sent, answer):
    answers = {"server_unchanged": answer, "server": OF_SERVER}
    result, modules = sent(answers, secret_settings={PASSWORD: "CanaryMailPassword"}, pull=False)
    assert [name for name, _options in modules] == ["server_unchanged", "server"]
    assert modules[1][1] == {"secret_settings": {PASSWORD: "CanaryMailPassword"}, "pull": False}
    assert result["changed"] is True and "Canary" not in str(result)


@pytest.mark.parametrize(
    "arguments",
    [{"state": "restarted"}, {"config": {}}, {"background": 60}, {"settings": {PORT: "no number"}}],
)
def test_a_task_for_which_only_module_server_will_do(sent, arguments):
    assert [name for name, _options in sent({"server": OF_SERVER}, **arguments)[1]] == ["server"]


def test_cryptography_is_not_loaded_for_a_task_without_certificate():
    program = (
        "import sys; import ansible_collections.selfhosted.bitwarden.plugins.action.families_sync_apply; "
        "print([name for name in sys.modules if '_certificates' in name])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd="/",
        env={**os.environ, "PYTHONPATH": str(WORK / "collections")},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
