# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Kill updates of a host of the fleet at random times, and see where the next run ends.

``python -m tests.support.tools.killed_updates --times 50 --seed 1``. Each time module update goes over one step of the
versions, in a third of them with a migration that fails, so that it goes back; it gets SIGKILL at a random moment, by
itself or with all that it has started. What clients can still reach they write to. Some of the runs that settle it are
killed as well. The run after that must end at a version, healthy, with all that clients have written, and no leftovers.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import io
import json
import random
import sys
import tarfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from tests.support.fleet import locks, names
from tests.support.fleet.api import Host, host
from tests.support.fleet.shell import FleetError
from tests.support.tools.commands import WORK
from tests.support.tools.messages import load

FOLDER = "/var/tmp/killed-updates"
BACKUPS = "/var/backups/bitwarden"
STEPS = (("2026.6.0", "2026.7.0"), ("2026.7.0", "2026.9.0"), ("2026.6.0", "2026.9.0"))
_FIRST = STEPS[0][0]
_USUAL = 25.0  # seconds of a run, until one was measured
_PHASES = ("replacing", "database", "serving", "taken_back")
_LONGEST = 4.0  # seconds in one of these phases
_LEFT = (
    f"find {names.BITWARDEN} -name '.bitwarden-*'; find {names.BWDATA}/mssql/backups -name '*.bak'; "
    "docker ps -a --format '{{.Names}}' --filter name=bitwarden-update"
)
_DRIVER = Path(__file__).with_name("kill_after.py")


class Ended(NamedTuple):
    """A run: how long it took, the phase in the journal, and its result, None where it was killed."""

    took: float
    phase: str
    result: Optional[Dict[str, Any]]


class Trial(NamedTuple):
    """One kill, or two: where the runs were killed, where the next one ended, and what is wrong with that."""

    step: str
    killed: str
    version: str
    problems: Tuple[str, ...]

    def row(self) -> str:
        """Return it as a row of the table."""
        return f"{self.step:28} {self.killed:52} {self.version:10} {'; '.join(self.problems) or 'well'}"


class Client:
    """A user of the host's server: what it can see there, and what it writes."""

    def __init__(self, one: Host) -> None:
        self._host = one
        self._organization = one.data.organization["id"]
        #: What was written last, as it is stored; None: nothing.
        self.written: Optional[str] = None

    def sees(self) -> object:
        """Log in, and return the organization and its license."""
        module = load("_backends/organization_info")
        defaults = {name: option.get("default") for name, option in module.OPTIONS.items()}
        given = ("url", "client_id", "client_secret", "organization", "ca_path")
        variables = self._host.variables
        try:
            found = module.perform(
                {**defaults, **{name: variables[f"bitwarden_{name}"] for name in given}}, check_mode=False
            )
        except module.ApiError as error:
            return str(error)
        return found["organization"], found["license"]

    def write(self) -> bool:
        """Write something, if the server can be reached; return whether it could."""
        if not self._host.control.answers():
            return False
        try:
            made: Any = self._host.control("connections", {"organization": self._organization, "count": 1})
            self.written = str(made[0]["id"])
        except (OSError, FleetError):
            return False
        return True

    def stored(self) -> Optional[str]:
        """Return what the server has of that."""
        state: Any = self._host.control("state")
        return ", ".join(str(one["id"]) for one in state["connection"])


class Updates:
    """The updates of one host, over the versions and back to the first one."""

    def __init__(self, one: Host, chance: random.Random) -> None:
        self.host = one
        self._chance = chance
        self.client = Client(one)
        self._durations: Dict[Tuple[str, bool], float] = {}
        self._version = ""

    def prepare(self) -> None:
        """Put the module on the host, and keep a copy of the server on the first version."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            (library,) = (WORK / "venv-oldest").glob("lib/python*/site-packages")
            for source, target in (
                (library / "ansible/module_utils", "ansible/module_utils"),
                (library / "ansible/release.py", "ansible/release.py"),
                (_DRIVER, _DRIVER.name),
                (WORK.parent / "plugins", "ansible_collections/selfhosted/bitwarden/plugins"),
            ):
                archive.add(source, target, filter=_without_cache)
        self.host.execute("sh", "-c", f"rm -rf {FOLDER}; mkdir {FOLDER}")
        self.host.execute("tar", "-x", "-C", FOLDER, stdin=packed.getvalue())
        self.host.reset()
        self.host.use_version(_FIRST)
        self.host.script("stop")
        self.host.execute("cp", "-a", names.BITWARDEN, f"{FOLDER}/server")

    def clean_up(self) -> None:
        """Leave the host as it was found."""
        self.host.execute("sh", "-c", f"rm -rf {FOLDER} {BACKUPS} {names.BWDATA}/mssql/data.after-*")
        self.host.reset()

    def trial(self) -> Trial:
        """Kill an update, settle it, and see what there is."""
        steps = [one for one in STEPS if one[0] == self._version]
        if not steps:
            self.begin_again()
            steps = [one for one in STEPS if one[0] == _FIRST]
        before, after = self._chance.choice(steps)
        fails = self._chance.random() < 1 / 3
        seen = self.client.sees()
        self.host.control("migration", {"fails": after if fails else None})
        killed = [self._kill(after, fails)]
        if self._chance.random() < 1 / 3:
            killed.append(self._kill(after, fails))
        ended = self.run(after)
        problems = self._problems(ended, (before, after), fails, seen)
        try:
            self.host.control("migration", {"fails": None})
        except (OSError, FleetError):
            self._version = ""  # told of above; the next one begins again
        step = f"{before} to {after}{', failing' if fails else ''}"
        return Trial(step, " + ".join(killed), self._version, tuple(problems))

    def begin_again(self) -> None:
        """Put the server back to what it was on the first version."""
        self.host.execute(
            "sh", "-c",
            f"cd {names.BWDATA}/docker && docker compose down --timeout 1; cd /; "
            f"find {names.BITWARDEN} -mindepth 1 -delete; rm -rf {BACKUPS}; "
            f"cp -a {FOLDER}/server/. {names.BITWARDEN}/; cd {names.BWDATA}/docker && docker compose up --detach",
        )  # fmt: skip
        self.wait()
        self._version = _FIRST
        self.client.write()

    def wait(self, seconds: float = 90) -> None:
        """Wait until clients are answered, and the services are healthy."""
        self.host.wait()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            health = {name: one["health"] for name, one in self.host.containers().items()}
            if all(one in (None, "healthy") for name, one in health.items() if name != "icons"):  # which takes long
                return
            time.sleep(1)

    def _kill(self, version: str, fails: bool) -> str:
        """Kill a run; return where that was, in words."""
        usual = self._durations.get((version, fails), _USUAL)
        everything = self._chance.random() < 1 / 2
        # The downtime is short, so that half of the times are taken from a phase of it on.
        phase, after = self._chance.choice(_PHASES), self._chance.uniform(0.0, _LONGEST)
        if self._chance.random() < 1 / 2:
            phase, after = "", self._chance.uniform(0.3, usual)
        ended = self.run(version, after, everything, phase)
        if ended.result is not None:
            self._durations[version, fails] = ended.took
            return f"not ({ended.took:.1f} s)"
        wrote = self.client.write()
        return f"{ended.phase} {ended.took:.1f} s{' all' if everything else ''}{' wrote' if wrote else ''}"

    def run(self, version: str, after: float = 600.0, everything: bool = False, phase: str = "") -> Ended:
        """Run the module, and kill it so long after its start or a ``phase``, by itself or with all it has started."""
        options = {
            "folder": FOLDER,
            "journal": f"{names.BWDATA}/.bitwarden-update/journal.json",
            "arguments": {"bwdata": names.BWDATA, "version": version, "lock_timeout": "5m", "wait_timeout": "2m"},
            "after": after,
            "all": everything,
            "phase": phase,
        }
        return Ended(**json.loads(self.host.execute("python3", f"{FOLDER}/{_DRIVER.name}", json.dumps(options))))

    def _problems(self, ended: Ended, step: Tuple[str, str], fails: bool, seen: object) -> List[str]:
        """Return what is wrong after the run that settles it."""
        found, result = [], ended.result or {}
        if result.get("failed") and not (fails and result.get("rolled_back")):
            found.append(f"the run failed: {result.get('msg')}")
        if not fails:
            self._durations[step[1], fails] = ended.took
        return found + self.problems_now(step if fails else step[1:], seen)

    def problems_now(self, expected: Sequence[str], seen: object) -> List[str]:
        """Return what is wrong with the server, which should be on one of the ``expected`` versions."""
        found = []
        containers = self.host.containers()
        versions = {str(one["image"]).rpartition(":")[2] for one in containers.values()}
        self._version = next(iter(versions)) if len(versions) == 1 else ""
        if self._version not in expected:
            found.append(f"on {', '.join(sorted(versions)) or 'no version'}")
        found += [
            f"{name} is {one['health'] or one['status']}"
            for name, one in containers.items()
            if one["status"] != "running" or one["health"] == "unhealthy"
        ]
        try:
            sees, stored = self.client.sees(), self.client.stored()
        except (OSError, FleetError) as error:
            return [*found, f"a client is not answered: {error}"]
        if sees != seen:
            found.append(f"a client sees {sees}")
        if stored != self.client.written:
            found.append(f"what a client wrote is lost: {self.client.written}, and there is {stored}")
        left = self.host.execute("sh", "-c", _LEFT).split()
        return [*found, *(f"left: {one}" for one in left)]


def _without_cache(entry: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    return None if "__pycache__" in entry.name else entry


def kill(name: str, times: int, seed: int) -> int:
    """Kill updates of one host; return how many had problems afterwards."""
    updates, wrong = Updates(host(name), random.Random(f"{seed} {name}")), 0
    try:
        updates.prepare()
        for number in range(1, times + 1):
            trial = updates.trial()
            wrong += bool(trial.problems)
            print(f"{name} {number:3} {trial.row()}", flush=True)
    finally:
        updates.clean_up()
    return wrong


def main(arguments: Optional[List[str]] = None) -> int:
    """Kill updates; return 0 where all ended well."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.tools.killed_updates", description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="how many updates are killed on each host")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    parser.add_argument("--host", nargs="+", default=["bw4"], choices=list(names.HOSTS), help="side by side")
    options = parser.parse_args(arguments)
    with locks.using(print), concurrent.futures.ThreadPoolExecutor(len(options.host)) as pool:
        wrong = sum(pool.map(lambda one: kill(one, options.times, options.seed), options.host))
    print(f"{options.times * len(options.host)} updates were killed, {wrong} of them with problems afterwards.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
