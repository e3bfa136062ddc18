# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on a host, and opening a deployment, with real processes and files."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import (
    Account,
    CommandError,
    Commands,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import secret_values
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.bitwarden_sh import Script
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import (
    Deployment,
    DeploymentError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.file import LicenseFolder
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.regions import region_facts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.parser import Failure
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._sync_log.reader import select

SHOW = "import json,os; print(json.dumps([dict(os.environ), os.getuid(), os.getgid(), os.getgroups(), os.getcwd()]))"


@pytest.fixture
def commands(tmp_path):
    return Commands(Account.owner_of(str(tmp_path)), {"PATH": "/usr/bin:/bin"})


def test_the_environment_is_clean(tmp_path, monkeypatch):
    monkeypatch.setenv("CANARY", "1")
    environ = {"PATH": "/usr/bin", "LANG": "de_DE", "DOCKER_HOST": "unix:///x", "CANARY": "1"}
    account = Account.owner_of(str(tmp_path))
    commands = Commands(account, environ)
    result = commands.run([sys.executable, "-c", SHOW], 10, environment={"MORE": "2"}, cwd=str(tmp_path))
    environment, *_ids, cwd = json.loads(result.stdout)
    assert environment.pop("PATH").startswith("/usr/bin:/usr/local/sbin")
    for name in ("LC_CTYPE", "__CF_USER_TEXT_ENCODING"):
        environment.pop(name, None)
    assert environment == {"LC_ALL": "C.UTF-8", "HOME": account.home, "USER": account.name, "LOGNAME": account.name,
                           "DOCKER_HOST": "unix:///x", "MORE": "2"}  # fmt: skip
    assert cwd == str(tmp_path)


# As bitwarden.sh and its run.sh: the second is killed with the first only by chance.
KILLED_ALONE = """
bash -c 'sleep {pause}; echo late >> {done}' &
kill -{signal} $$
"""


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_what_goes_on_after_only_the_command_was_killed_is_waited_for(commands, tmp_path, number):
    done = tmp_path / "done"
    script = KILLED_ALONE.format(pause=0.5, done=done, signal=number)
    result = commands.run(["bash", "-c", script], 20)
    assert (result.rc < 0, result.timed_out, done.read_text()) == (True, False, "late\n")


def test_but_not_longer_than_the_command_itself(commands, tmp_path):
    done = tmp_path / "done"
    begun = time.monotonic()
    # In a process group of its own, which only the session has in common with the command.
    script = "set -m; " + KILLED_ALONE.format(pause=31.41592, done=done, signal="KILL")
    result = commands.run(["bash", "-c", script], 0.5)
    assert (result.timed_out, time.monotonic() - begun < 10, done.exists()) == (True, True, False)
    assert "sleep 31.41592" not in commands.run(["ps", "-eo", "args"], 10).stdout.split("\n")


def test_what_a_command_leaves_in_the_background_is_not_waited_for(commands):
    begun = time.monotonic()
    assert commands.run(["bash", "-c", "sleep 3 & exit 0"], 20).rc == 0
    assert time.monotonic() - begun < 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_root_acts_as_the_owner_with_his_groups():
    account = Account("stranger", 12345, 12346, (12346, 12347), "/nowhere")
    result = Commands(account, {}).run([_python(), "-c", SHOW], 10)
    _environment, uid, gid, groups, _cwd = json.loads(result.stdout)
    assert (uid, gid, sorted(groups)) == (12345, 12346, [12346, 12347])


def _python():
    return next(path for path in ("/usr/bin/python3", sys.executable) if os.access(path, os.X_OK))


def test_a_command_ends_in_time_with_its_children_and_its_output_is_kept(commands):
    begun = time.monotonic()
    result = commands.run(["sh", "-c", "sleep 60 & echo $!; echo oops >&2; sleep 60"], 0.5)
    assert time.monotonic() - begun < 5
    assert (result.timed_out, result.stderr, result.last_line) == (True, "oops\n", "oops")
    child = Path(f"/proc/{int(result.stdout)}/stat")
    while child.exists() and " Z " not in child.read_text():
        assert time.monotonic() - begun < 5, "the child is still running"
        time.sleep(0.05)


def test_a_child_in_the_background_is_not_waited_for(commands):
    begun = time.monotonic()
    assert commands.run(["sh", "-c", "sleep 20 & echo $!"], 10).rc == 0
    assert time.monotonic() - begun < 5


def test_a_command_is_found_in_path_or_in_given_folders(commands, tmp_path):
    assert commands.find("sh") in ("/usr/bin/sh", "/bin/sh")
    assert commands.find("sh", [str(tmp_path)]) is None
    (tmp_path / "sh").touch(0o755)
    assert commands.find("sh", ["/nowhere", str(tmp_path)]) == str(tmp_path / "sh")


def test_input_is_given_and_then_ends(commands):
    assert commands.run(["cat"], 10, stdin="y\n").stdout == "y\n"
    assert commands.run(["cat"], 10).stdout == ""


def test_long_output_keeps_its_end(commands):
    result = commands.run(["sh", "-c", "head -c 400000 /dev/zero | tr '\\0' x; echo END"], 10)
    assert len(result.stdout) == 256 * 1024
    assert result.stdout.endswith("END\n")


def test_what_cannot_be_run_is_an_error_that_says_so(commands):
    with pytest.raises(CommandError, match="/nowhere/docker cannot be run as"):
        commands.run(["/nowhere/docker"], 1)


@pytest.mark.parametrize(
    ("uid", "bwdata", "arguments", "answer"),
    [
        (0, "bitwarden/bwdata", ["restart"], "y\n"),
        (1000, "bitwarden/bwdata", ["restart"], ""),
        (1000, "elsewhere/data", ["restart", "elsewhere/data"], ""),
    ],
)
def test_how_the_script_is_called(tmp_path, uid, bwdata, arguments, answer):
    class Recorder:
        account = Account("x", uid, uid, (uid,), "/")

        def find(self, name):
            return f"/bin/{name}"

        def run(self, given, timeout, *, stdin, cwd):
            self.given = (given, timeout, stdin, cwd)

    path = tmp_path / "bitwarden" / "bitwarden.sh"
    data = tmp_path / bwdata
    data.mkdir(parents=True)
    recorder = Recorder()
    Script(recorder, str(path), str(data), 7.0).run("restart")
    expected = ["/bin/bash", str(path), *(str(data) if one == bwdata else one for one in arguments)]
    assert recorder.given == (expected, 7.0, answer, str(path.parent))


def test_folders_that_are_not_a_deployment_are_told(tmp_path):
    with pytest.raises(DeploymentError, match="cannot be used: No such file"):
        Deployment(str(tmp_path / "nowhere"), None, {})
    with pytest.raises(DeploymentError, match="is not a folder with a deployment"):
        Deployment(str(tmp_path), None, {})


def test_without_docker_it_says_so(tmp_path, monkeypatch):
    (tmp_path / "env").mkdir()
    monkeypatch.setattr(Commands, "find", lambda self, name, folders=None: None)
    with pytest.raises(EngineError, match="Docker is not installed here"):
        Deployment(str(tmp_path), None, {})


def test_no_engine_has_its_own_message(tmp_path):
    (tmp_path / "env").mkdir()
    deployment = Deployment(
        str(tmp_path), None, {"DOCKER_HOST": f"unix://{tmp_path}/none.sock", "PATH": os.environ["PATH"]}
    )
    with pytest.raises(EngineError, match=r"engine \(unix://.*none\.sock\) cannot be reached: No such"):
        deployment.containers()


def test_which_values_are_secret():
    source = {
        "globalSettings__sqlServer__connectionString": 'Data Source=tcp:mssql,1433;User ID=sa;Password="geheim;";',
        "globalSettings__installation__key": "abc",
        "globalSettings__mail__smtp__host": "mail.example.com",
        "SA_PASSWORD": "",
    }
    found = secret_values([source])
    assert {"abc", "geheim", source["globalSettings__sqlServer__connectionString"]} == found


EU = {
    "globalSettings__baseServiceUri__cloudRegion": "EU",
    "globalSettings__installation__identityUri": "https://identity.bitwarden.eu",
    "globalSettings__installation__apiUri": "https://api.bitwarden.eu/",
    "globalSettings__pushRelayBaseUri": "https://push.bitwarden.eu",
}
API = "globalSettings__installation__apiUri"


@pytest.mark.parametrize(
    ("settings", "configured", "mismatches"),
    [
        ({}, None, []),
        (EU, "EU", []),
        ({**EU, "globalSettings__baseServiceUri__cloudRegion": "eu"}, "eu", []),
        ({**EU, "globalSettings__pushRelayBaseUri": "REPLACE"}, "EU", []),
        ({**EU, API: "https://proxy.example.com/api/"}, "EU", []),
        ({**EU, API: ""}, "EU", [API]),
        ({name: value for name, value in EU.items() if name != API}, "EU", [API]),
        ({API: "https://api.bitwarden.eu"}, None, [API]),
    ],
)
def test_whether_the_settings_of_a_region_fit(settings, configured, mismatches):
    assert region_facts(settings.get) == {
        "configured": configured,
        "settings_fit": not mismatches,
        "mismatches": mismatches,
    }


def failure(kind, organization):
    return Failure("2026-11-22T10:00:00Z", kind, organization, "unknown", "m", "a", False)


FAILURES = [
    failure("license", "aaaa"),
    failure("license", "bbbb"),
    failure("license", None),
    failure("sponsorship", "Known A"),
    failure("sponsorship", "Stranger"),
]


@pytest.mark.parametrize(
    ("organization", "kind", "found"),
    [
        (None, None, ["aaaa", "bbbb", None, "aaaa", "Stranger"]),
        ("AAAA", None, ["aaaa", None, "aaaa", "Stranger"]),
        ("aaaa", "license", ["aaaa", None]),
        ("bbbb", "sponsorship", ["Stranger"]),
    ],
)
def test_failures_that_were_asked_for(organization, kind, found):
    assert [one.organization for one in select(FAILURES, {"Known A": "aaaa"}, organization, kind)] == found


def test_license_folder_is_where_the_server_looks():
    assert LicenseFolder("/b").path == "/b/core/licenses/organization"
