# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook that are forked are like those that are started."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Dict

import pytest

from tests.support.tools import warm_ansible
from tests.support.tools.commands import WORK

COMMANDS = [WORK / name / "bin" / "ansible-playbook" for name in ("venv", "venv-oldest")]
PLAY = [
    {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.copy": {"content": "{{ lookup('env', 'OWN') }}", "dest": "own"}},
            {"ansible.builtin.fail": {"msg": "at its end"}},
        ],
    }
]


def environment(home: Path, **more: str) -> Dict[str, str]:
    config = home / "ansible.cfg"
    config.touch()
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "ANSIBLE_CONFIG": str(config), **more}


@pytest.mark.parametrize("command", COMMANDS, ids=["newest", "oldest"])
def test_a_forked_run_is_like_a_started_one(command: Path, tmp_path: Path) -> None:
    done = {}
    # The last one finds the modules packed by the one before it.
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "play.yml").write_text(json.dumps(PLAY))
        variables = environment(tmp_path, OWN=f"own of {number}")
        run = warm_ansible.run(command, ["play.yml"], variables, folder, apart=True)
        assert (folder / "own").read_text() == f"own of {number}"
        assert "PLAY RECAP" in run.stdout
        done[number] = (run.returncode, *(text.replace(str(folder), "FOLDER") for text in (run.stdout, run.stderr)))
    assert done[0] == done[1] == done[2]
    assert done[0][0] == 2
    together = warm_ansible.run(command, ["play.yml"], variables, folder)
    assert "PLAY RECAP" in together.stdout and "localhost is available" in together.stdout


def test_a_run_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.command": "sleep 5"}]}
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    for _count in range(2):
        warm_ansible.run(COMMANDS[0], ["--version"], environment(tmp_path), tmp_path)
    with pytest.raises(OSError, match="timed out"):
        warm_ansible.run(COMMANDS[0], [str(tmp_path / "play.yml")], environment(tmp_path), tmp_path, timeout=1)
