# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The playbook, run on hosts whose steps pretend (`pretend`)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Union

import pytest
import yaml

from tests.support.tools import warm_ansible

from .pretend import ENVIRONMENTS, PLAYBOOK, ROOT, environment, make_collection

COLUMNS = 9


class Run(NamedTuple):
    """One playbook run: exit status, output, and the steps called as ``(host, step, arguments)``."""

    status: int
    output: str
    calls: List[Any]

    def touched(self) -> List[str]:
        return sorted({host for host, _step, _arguments in self.calls})

    def steps(self, host: str) -> List[str]:
        """Return the steps called for a host, in order."""
        return [step for name, step, _arguments in self.calls if name == host]

    def arguments(self, host: str, step: str) -> Dict[str, Any]:
        """Return the arguments of the one call of a step for a host."""
        (found,) = self.all_arguments(host, step)
        return found

    def all_arguments(self, host: str, step: str) -> List[Dict[str, Any]]:
        """Return the arguments of each call of a step for a host, in order."""
        return [dict(arguments) for name, called, arguments in self.calls if (name, called) == (host, step)]

    def row(self, host: str) -> List[str]:
        """Return the host's row of the table, the last cell with what the lines below say of it."""
        for line in self.output.splitlines():
            cells = [cell.strip() for cell in line.split("|")]
            if cells[0] == host and len(cells) == COLUMNS:
                if cells[-1] not in ("warning", "failed"):
                    return [*cells[:-1], "" if cells[-1] == "ok" else cells[-1]]
                found = re.search(rf"^{re.escape(host)}: {cells[-1]}: (.*)", self.output, re.MULTILINE)
                assert found, f"no line tells why {host} is {cells[-1]}"
                return [*cells[:-1], "warning: " * (cells[-1] == "warning") + found[1]]
        raise AssertionError(f"no row of {host} in the table:\n{self.output}")

    def recap(self, host: str) -> Dict[str, int]:
        line = next(
            line for line in self.output.rpartition("PLAY RECAP")[2].splitlines() if line.startswith(host + " ")
        )
        return {name: int(count) for name, count in (word.split("=") for word in line.split(":")[1].split())}


@pytest.fixture(scope="session")
def collections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_collection(tmp_path_factory.mktemp("collections"))


@pytest.fixture(params=ENVIRONMENTS)
def play(request: pytest.FixtureRequest, collections: Path, tmp_path: Path):
    """Run the playbook on ``hosts`` (name to variables, or an inventory) on the newest and the oldest ansible-core."""
    ansible_playbook = ROOT / ".work" / ENVIRONMENTS[request.param] / "bin" / "ansible-playbook"
    if not ansible_playbook.exists():
        pytest.skip(f"no {request.param} ansible-core here (make setup)")

    def run(
        hosts: Union[Path, Dict[str, Dict[str, Any]]], *options: str, what: Any = PLAYBOOK, more: Any = (), **extra: Any
    ) -> Run:
        if isinstance(hosts, Path):
            inventory = hosts
        else:
            shared = {"bitwarden_url": "https://vault.example.com"}
            inventory = tmp_path / "hosts.yml"
            groups = {"bitwarden": {"vars": shared, "hosts": hosts}, "rest": {"hosts": dict.fromkeys(more)}}
            inventory.write_text(yaml.safe_dump(groups))
        log = tmp_path / "calls"
        log.write_text("")
        # Without one of its own a run is like all others: same settings of Ansible, same home.
        configuration = extra.pop("configuration", "")
        home = tmp_path if configuration else collections / "home"
        home.mkdir(exist_ok=True)
        (home / "ansible.cfg").write_text(configuration)
        if not isinstance(what, str):
            (tmp_path / "play.yml").write_text(yaml.safe_dump(what, sort_keys=False))
            what = str(tmp_path / "play.yml")
        arguments = ["-i", str(inventory), what, "-e", json.dumps(extra), *options]
        variables = {**environment(collections, home), "FAKE_LOG": str(log)}
        done = warm_ansible.run(ansible_playbook, arguments, variables, tmp_path, apart=True, timeout=120)
        return Run(
            done.returncode, done.stdout + done.stderr, [json.loads(line) for line in log.read_text().splitlines()]
        )

    return run
