# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real role and playbook with steps that only say what their host's variables tell them to: no host is needed.

A host's variable ``fake`` maps a step to its result; ``{"unreachable": true}`` and ``{"failed": true, "msg": …}``
as usual.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Union

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {"newest": "venv", "oldest": "venv-oldest"}
STEPS = (
    "cloud_connectivity_info", "server", "server_info", "organization_info", "sync_log_info", "billing_sync_token",
    "cloud_license", "license", "billing_sync", "license_sync",
)  # fmt: skip
COLUMNS = 9
PLAYBOOK = "selfhosted.bitwarden.families_sync"

FAKE = """
import json
import os
from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        step = self._task.action.rpartition(".")[2]
        arguments = {key: value for key, value in self._task.args.items()}
        with open(os.environ["FAKE_LOG"], "a") as log:
            log.write(json.dumps([task_vars["inventory_hostname"], step, arguments], default=str) + "\\n")
        fake = task_vars.get("fake", {}).get(step, {})
        if fake.get("unreachable"):
            raise AnsibleConnectionFailure("no route to host")
        if step == "billing_sync_token" and not fake.get("failed"):
            return {"_ansible_no_log": True, **fake}
        return dict(fake)
"""


class Run(NamedTuple):
    """One playbook run: exit status, output, and the steps called as ``(host, step, arguments)``."""

    status: int
    output: str
    calls: List[Any]

    def touched(self) -> List[str]:
        return sorted({host for host, _step, _arguments in self.calls})

    def steps(self, host: str) -> List[str]:
        """The steps called for a host, in order."""
        return [step for name, step, _arguments in self.calls if name == host]

    def arguments(self, host: str, step: str) -> Dict[str, Any]:
        """The arguments of the one call of a step for a host."""
        (found,) = [arguments for name, called, arguments in self.calls if (name, called) == (host, step)]
        return dict(found)

    def row(self, host: str) -> List[str]:
        """The host's row of the table."""
        for line in self.output.splitlines():
            cells = [cell.strip() for cell in line.strip().strip('",').split("|")]
            if cells[0] == host and len(cells) == COLUMNS:
                return cells
        raise AssertionError(f"no row of {host} in the table:\n{self.output}")

    def recap(self, host: str) -> Dict[str, int]:
        line = next(
            line for line in self.output.rpartition("PLAY RECAP")[2].splitlines() if line.startswith(host + " ")
        )
        return {name: int(count) for name, count in (word.split("=") for word in line.split(":")[1].split())}


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("collections")
    collection = base / "ansible_collections" / "selfhosted" / "bitwarden"
    for part in ("roles", "playbooks", "meta", "plugins/filter"):
        shutil.copytree(ROOT / part, collection / part)
    (collection / "plugins" / "action").mkdir()
    for step in STEPS:
        (collection / "plugins" / "action" / f"{step}.py").write_text(FAKE)
    return base


@pytest.fixture(params=ENVIRONMENTS)
def play(request: pytest.FixtureRequest, collections: Path, tmp_path: Path):
    """Run the playbook on ``hosts`` (name to variables, or an inventory) on the newest and the oldest ansible-core."""
    ansible_playbook = ROOT / ".work" / ENVIRONMENTS[request.param] / "bin" / "ansible-playbook"
    if not ansible_playbook.exists():
        pytest.skip(f"no {request.param} ansible-core here (make setup)")

    def run(hosts: Union[Path, Dict[str, Dict[str, Any]]], *options: str, what: Any = PLAYBOOK, **extra: Any) -> Run:
        if isinstance(hosts, Path):
            inventory = hosts
        else:
            shared = {"bitwarden_url": "https://vault.example.com"}
            if any("bitwarden_cloud_client_id" not in variables for variables in hosts.values()):
                shared["bitwarden_billing_sync_token"] = "token-of-the-tests"
            inventory = tmp_path / "hosts.yml"
            inventory.write_text(yaml.safe_dump({"bitwarden": {"vars": shared, "hosts": hosts}}))
        log = tmp_path / "calls"
        log.write_text("")
        (tmp_path / "ansible.cfg").write_text(extra.pop("configuration", ""))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "FAKE_LOG": str(log),
            "ANSIBLE_COLLECTIONS_PATH": str(collections),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        }
        if not isinstance(what, str):
            (tmp_path / "play.yml").write_text(yaml.safe_dump(what))
            what = str(tmp_path / "play.yml")
        done = subprocess.run(
            [str(ansible_playbook), "-i", str(inventory), what, "-e", json.dumps(extra), *options],
            capture_output=True, text=True, env=environment, timeout=120, check=False, cwd=tmp_path,
        )  # fmt: skip
        return Run(
            done.returncode, done.stdout + done.stderr, [json.loads(line) for line in log.read_text().splitlines()]
        )

    return run
