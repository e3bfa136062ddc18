# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run Ansible from the work tree, on the fleet or any inventory, and look at what came of it."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import yaml

from tests.support.fleet.api import Host
from tests.support.fleet.inventory import FILE as INVENTORY
from tests.support.tools import warm_ansible

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = {"newest": "venv", "oldest": "venv-oldest"}
# None of this machine; /dev/null is not taken by all versions.
_CONFIG = Path(__file__).with_name("ansible.cfg")


class Unsafe(str):
    """A text that Ansible must not take for a template."""


class Vaulted(str):
    """A text as ``ansible-vault`` encrypts it, to stand in place (``!vault``)."""


class _Dumper(yaml.SafeDumper):
    pass


_Dumper.add_representer(Unsafe, lambda dumper, text: dumper.represent_scalar("!unsafe", str(text), style='"'))

_Dumper.add_representer(Vaulted, lambda dumper, text: dumper.represent_scalar("!vault", str(text), style="|"))


class Task(NamedTuple):
    """One task on one host: ``status`` is ok, failed, unreachable or skipped; ``result`` as callbacks see it."""

    host: str
    task: str
    action: str
    status: str
    result: Dict[str, Any]


#: The step of the role that runs another module.
BEHIND = {"selfhosted.bitwarden.families_sync_apply": "server"}


class Run(NamedTuple):
    """One finished run. ``output`` is all that it printed."""

    status: int
    output: str
    tasks: List[Task]

    def of(self, host: str, action: str) -> List[Task]:
        """Return the results of a plugin (short or full name) on a host; a step of the role counts as its module."""
        return [
            task
            for task in self.tasks
            if task.host == host and action in (task.action.rpartition(".")[2], BEHIND.get(task.action))
        ]

    def result(self, host: str, action: str) -> Dict[str, Any]:
        """Return the one result of a plugin on a host."""
        found = self.of(host, action)
        assert len(found) == 1, f"{len(found)} results of {action} on {host}:\n{self.output[-6000:]}"
        return found[0].result

    def recap(self, host: str) -> Dict[str, int]:
        """Return the host's recap as numbers: ok, changed, unreachable, failed, skipped, rescued, ignored."""
        lines = self.output.rpartition("PLAY RECAP")[2].splitlines()
        found = next((line for line in lines if re.match(rf"{re.escape(host)}\s*:", line)), None)
        assert found is not None, f"no recap of {host}:\n{self.output[-6000:]}"
        return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", found)}

    def ok(self) -> Run:
        """Return itself, after seeing that the run succeeded."""
        assert self.status == 0, self.output[-8000:]
        return self


def playbook(
    what: str | Sequence[Mapping[str, Any]],
    *options: str,
    core: str = "newest",
    inventory: Optional[Path] = None,
    environment: Optional[Mapping[str, str]] = None,
    cold: bool = False,
    **extra: Any,
) -> Run:
    """Run a playbook: a name or path, or a list of plays. ``extra`` are extra variables; ``cold``: `warm_ansible`."""
    command = ROOT / ".work" / ENVIRONMENTS[core] / "bin" / "ansible-playbook"
    with tempfile.TemporaryDirectory(prefix="bitwarden-run-") as folder:
        if not isinstance(what, str):
            file = Path(folder) / "play.yml"
            file.write_text(yaml.dump(list(what), Dumper=_Dumper, sort_keys=False, allow_unicode=False))
            what = str(file)
        results = Path(folder) / "results"
        results.touch()
        own = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/root"),
            "LC_ALL": "C.UTF-8",
            "TASK_RESULTS": str(results),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".work" / "collections"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "callback_plugins"),
            "ANSIBLE_CALLBACKS_ENABLED": "task_results",
            "ANSIBLE_CONFIG": str(_CONFIG),
            # All inventories of these tests are YAML; each plugin that may read one costs a run as much as a task.
            "ANSIBLE_INVENTORY_ENABLED": "yaml",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            # Quick. What users have without it is tested where files and users matter: secrets, connection users.
            "ANSIBLE_PIPELINING": "true",
            "ANSIBLE_RETRY_FILES_ENABLED": "false",
        }
        # A file, as the variables can hold secrets, and a command line is for all to see.
        variables = Path(folder) / "variables.json"
        variables.write_text(json.dumps(extra))
        arguments = ["-i", str(inventory or INVENTORY), what, "-e", f"@{variables}", *options]
        whole = {**own, **(environment or {})}
        done = warm_ansible.run(command, arguments, whole, Path(folder), cold=cold)
        tasks = [Task(**json.loads(line)) for line in results.read_text(encoding="utf-8").splitlines()]
    return Run(done.returncode, done.stdout, tasks)


def task(action: str, hosts: str, *options: str, play: Optional[Mapping[str, Any]] = None, **arguments: Any) -> Run:
    """Run one task of this collection on ``hosts``; ``play`` are further keywords of its play (``become`` …)."""
    body = {"hosts": hosts, "gather_facts": False, **(play or {})}
    return playbook([{**body, "tasks": [{f"selfhosted.bitwarden.{action}": arguments}]}], *options)


def client_sees(host: Host) -> Optional[Tuple[Any, Any]]:
    """Log in as a client and return the organization and its license; None where that is not possible."""
    names_of = ("url", "client_id", "client_secret", "organization", "ca_path")
    found = task("organization_info", host.name, **{name: f"{{{{ bitwarden_{name} }}}}" for name in names_of})
    result = found.result(host.name, "organization_info")
    return None if found.status else (result["organization"], result["license"])
