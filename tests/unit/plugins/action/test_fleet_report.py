# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report of a fleet, printed by real runs."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.action.fleet_report import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError

from tests.support.tools.commands import environment

HOSTS = {"bw1": {"version": "2026.8.0", "changed": False, "problem": "Down for now."}, "bw2": None}
PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [{"name": "Show the fleet", "selfhosted.bitwarden.fleet_report": {"hosts": HOSTS}}],
    }
]
# Prints the results for programs, as that of the same name in ansible.posix does.
CALLBACK = """
import json

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_TYPE, CALLBACK_NAME, CALLBACK_VERSION = "stdout", "json", 2.0

    def v2_runner_on_ok(self, result):
        print(json.dumps({key: value for key, value in result._result.items() if key in ("lines", "ansible_stats")}))
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "play.yml").write_text(json.dumps(PLAY))
    (folder / "callback_plugins").mkdir()
    (folder / "callback_plugins" / "json.py").write_text(CALLBACK)

    def make(**variables):
        command = [sys.executable, "-m", "ansible.cli.playbook", "-i", "localhost,", "-c", "local", "play.yml"]
        done = subprocess.run(
            command, cwd=folder, env=environment(**variables), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return make


@pytest.mark.parametrize("variables", [{}, {"ANSIBLE_DISPLAY_OK_HOSTS": "false"}], ids=["default", "without ok hosts"])
def test_the_table_is_printed_with_line_breaks_and_once(run, variables):
    output = run(**variables)
    assert "\nhost | version  | cloud | " in output
    assert output.count("Down for now.") == 1 and "\nbw1: failed: Down for now.\n" in output


def test_callbacks_for_programs_get_the_lines_in_the_result(run):
    found = json.loads(run(ANSIBLE_STDOUT_CALLBACK="json"))
    assert found["lines"][-1] == "bw1: failed: Down for now."
    assert found["ansible_stats"]["data"] == {"bitwarden_fleet": HOSTS}


def test_results_of_steps_become_statuses():
    """Both a failed host and one that no step ran on are rows; the failed one is to fail."""
    action = ActionModule.__new__(ActionModule)
    results = {"backup": {"bw1": {"failed": True, "msg": "Down."}, "bw2": {}, "bw3": None}, "failure": {"bw1": {}}}
    action._task = SimpleNamespace(args={"results": results}, check_mode=False)
    found = action.execute({})
    assert found["failing"] == {"bw1": "Down."}
    assert found["lines"][0].split() == ["host", "|", "version", "|", "changed", "|", "result"]
    assert [line.rpartition("| ")[2] for line in found["lines"][2:5]] == ["failed", "not touched", "not touched"]


@pytest.mark.parametrize("arguments", [{}, {"hosts": {}, "results": {}}])
def test_hosts_or_results(arguments):
    action = ActionModule.__new__(ActionModule)
    action._task = SimpleNamespace(args=arguments, check_mode=False)
    with pytest.raises(BitwardenError, match="Give hosts"):
        action.execute({})
