# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the tools share that kill a module on a host of the fleet at random times, and see where the next run ends."""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import io
import json
import random
import tarfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple, Type

from tests.support.fleet import locks, names
from tests.support.fleet.api import Host, host
from tests.support.fleet.shell import FleetError, docker
from tests.support.tools.commands import WORK
from tests.support.tools.messages import load

FOLDER = "/var/tmp/killed-runs"
BACKUPS = "/var/backups/bitwarden"
#: The arguments of all modules that take them.
WAITING = {"bwdata": names.BWDATA, "lock_timeout": "5m", "wait_timeout": "2m"}
#: How likely the host is switched off and on after a kill.
REBOOTED = 1 / 5
_BOOTING = 60
_USUAL = 25.0  # seconds of a run, until one was measured
_LONGEST = 4.0  # seconds in one of the phases
_LEFT = (
    f"find {names.BITWARDEN} {BACKUPS} -name '.bitwarden-*' 2>/dev/null; "
    f"find {names.BWDATA}/mssql -name '*.bak' -o -name '*_check_*'; "
    "docker ps -a --format '{{.Names}}' --filter name=bitwarden-update --filter name=bitwarden-install"
)
_DRIVER = Path(__file__).with_name("kill_after.py")


class Ended(NamedTuple):
    """A run: how long it took, the phase in the journal, and its result, None where it was killed."""

    took: float
    phase: str
    result: Optional[Dict[str, Any]]


class Trial(NamedTuple):
    """One kill, or two: what was killed and where, where the next run ended, and what is wrong with that."""

    what: str
    killed: str
    ended: str
    problems: Tuple[str, ...]

    def row(self) -> str:
        """Return it as a row of the table."""
        return f"{self.what:28} {self.killed:52} {self.ended:10} {'; '.join(self.problems) or 'well'}"


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


class Runs:
    """Runs of one module on one host. What is tried with them is in ``trial``."""

    MODULE = ""
    #: Below bwdata, where the module keeps how far it has come; empty where it does not.
    JOURNAL = ""
    #: The phases in it that half of the kills are aimed at.
    PHASES: Tuple[str, ...] = ()
    #: What the host's server is put on.
    VERSION = names.VERSION

    def __init__(self, one: Host, chance: random.Random) -> None:
        self.host = one
        self.chance = chance
        self.client = Client(one)
        self.version = ""
        self._is_copied = False
        #: The results of runs that ended before they were killed.
        self.ended: List[Dict[str, Any]] = []
        self._durations: Dict[str, float] = {}

    def prepare(self) -> None:
        """Put the modules on the host, and keep a copy of its server."""
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
        if self.VERSION != names.VERSION:
            self.host.use_version(self.VERSION)
        self.host.script("stop")
        self.host.execute("cp", "-a", names.BITWARDEN, f"{FOLDER}/server")
        self._is_copied = True

    def clean_up(self) -> None:
        """Leave the host as it was found."""
        if self._is_copied:
            self.empty()
            self.begin_again()
        self.host.execute("sh", "-c", f"rm -rf {FOLDER} {BACKUPS}")
        self.host.reset()

    def trial(self) -> Trial:
        """Kill a run, settle it, and see what there is."""
        raise NotImplementedError

    def begin_again(self) -> None:
        """Put the server back to what it was when it was copied."""
        self.host.execute(
            "sh", "-c",
            f"test ! -d {names.BWDATA}/docker || (cd {names.BWDATA}/docker && docker compose down --timeout 1); "
            f"find {names.BITWARDEN} -mindepth 1 -delete; rm -rf {BACKUPS}; "
            f"cp -a {FOLDER}/server/. {names.BITWARDEN}/; cd {names.BWDATA}/docker && docker compose up --detach",
        )  # fmt: skip
        self.wait()
        self.version = self.VERSION
        self.client.write()

    def empty(self) -> None:
        """Have a host with Docker, the owner's account, and nothing of a server."""
        self.host.execute(
            "sh", "-c",
            "docker ps --all --quiet | xargs -r docker rm --force --volumes > /dev/null; "
            f"docker network prune --force > /dev/null; find {names.BITWARDEN} -mindepth 1 -delete",
        )  # fmt: skip

    def wait(self, seconds: float = 90) -> None:
        """Wait until clients are answered, and the services are healthy."""
        self.host.wait()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            health = {name: one["health"] for name, one in self.host.containers().items()}
            if all(one in (None, "healthy") for name, one in health.items() if name != "icons"):  # which takes long
                return
            time.sleep(1)

    def kill(self, arguments: Dict[str, Any], kind: str, writes: bool = True) -> str:
        """Kill a run, and write as a client if ``writes``; return where that was, in words. ``kind`` is of the run."""
        everything = self.chance.random() < 1 / 2
        # The downtime is short, so that half of the times are taken from a phase of it on.
        phase, after = self.chance.choice(self.PHASES or ("",)), self.chance.uniform(0.0, _LONGEST)
        if not phase or self.chance.random() < 1 / 2:
            phase, after = "", self.chance.uniform(0.3, self._durations.get(kind, _USUAL))
        ended = self.run(arguments, after, everything, phase)
        if ended.result is not None:
            self._durations[kind] = ended.took
            self.ended.append(ended.result)
            return f"not ({ended.took:.1f} s)"
        also = self.meanwhile()
        wrote = writes and self.client.write()
        more = [one for one, so in (("all", everything), (also, also), ("wrote", wrote)) if so]
        return " ".join([f"{ended.phase} {ended.took:.1f} s", *more])

    def meanwhile(self) -> str:
        """Have happen to the host what can before the next run; return a word for that, empty where it is nothing."""
        if self.chance.random() > REBOOTED:
            return ""
        docker("restart", "--time", "3", self.host.container)
        waiting = f"for _i in $(seq {_BOOTING}); do docker info > /dev/null 2>&1 && break; sleep 1; done"
        self.host.execute("sh", "-c", waiting)
        self.wait_briefly()
        return "rebooted"

    def wait_briefly(self) -> None:
        """Give a server that may come up the time for it."""
        with contextlib.suppress(FleetError):
            self.host.wait(10)

    def settle(self, arguments: Dict[str, Any], kind: str) -> Dict[str, Any]:
        """Run the module as it is to be run after a kill; return its result."""
        ended = self.run(arguments)
        self._durations[kind] = ended.took
        return ended.result or {"failed": True, "msg": "it printed no result"}

    def run(
        self,
        arguments: Dict[str, Any],
        after: float = 600.0,
        everything: bool = False,
        phase: str = "",
        module: str = "",
    ) -> Ended:
        """Run the module, and kill it so long after its start or a ``phase``, by itself or with all it has started."""
        options = {
            "folder": FOLDER,
            "module": module or self.MODULE,
            "journal": f"{names.BWDATA}/{self.JOURNAL}" if self.JOURNAL else "",
            "arguments": {**WAITING, **arguments},
            "after": after,
            "all": everything,
            "phase": phase,
        }
        return Ended(**json.loads(self.host.execute("python3", f"{FOLDER}/{_DRIVER.name}", json.dumps(options))))

    def problems_now(self, expected: Sequence[str], seen: object) -> List[str]:
        """Return what is wrong with the server, which should be on one of the ``expected`` versions."""
        found = []
        containers = self.host.containers()
        versions = {str(one["image"]).rpartition(":")[2] for one in containers.values()}
        self.version = next(iter(versions)) if len(versions) == 1 else ""
        if self.version not in expected:
            found.append(f"on {', '.join(sorted(versions)) or 'no version'}")
        found += self.unwell()
        try:
            sees, stored = self.client.sees(), self.client.stored()
        except (OSError, FleetError) as error:
            return [*found, f"a client is not answered: {error}"]
        if sees != seen:
            found.append(f"a client sees {sees}")
        if stored != self.client.written:
            found.append(f"what a client wrote is lost: {self.client.written}, and there is {stored}")
        return [*found, *self.left()]

    def unwell(self) -> List[str]:
        """Return the services that do not run, or are not healthy; Docker may not have asked one yet.

        What ``icons`` says counts for nothing: it becomes healthy late, if it does.
        """
        return [
            f"{name} is {one['health'] or one['status']}"
            for name, one in self.host.containers().items()
            if one["status"] != "running" or (one["health"] == "unhealthy" and name != "icons")
        ]

    def left(self) -> List[str]:
        """Return what a run has left."""
        return [f"left: {one}" for one in self.host.execute("sh", "-c", _LEFT, check=False).split()]


def _without_cache(entry: tarfile.TarInfo) -> Optional[tarfile.TarInfo]:
    return None if "__pycache__" in entry.name else entry


def _kill(kind: Type[Runs], name: str, times: int, seed: int) -> int:
    """Kill runs on one host; return how many had problems afterwards."""
    runs, wrong = kind(host(name), random.Random(f"{seed} {name}")), 0
    try:
        runs.prepare()
        for number in range(1, times + 1):
            trial = runs.trial()
            wrong += bool(trial.problems)
            print(f"{time.strftime('%H:%M:%S')} {name} {number:3} {trial.row()}", flush=True)
    finally:
        runs.clean_up()
    return wrong


def main(kind: Type[Runs], description: Optional[str], arguments: Optional[List[str]] = None) -> int:
    """Kill runs of this kind; return 0 where all ended well."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--times", type=int, default=50, help="how often on each host")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    parser.add_argument("--host", nargs="+", default=["bw4"], choices=list(names.HOSTS), help="side by side")
    options = parser.parse_args(arguments)
    with locks.using(print), concurrent.futures.ThreadPoolExecutor(len(options.host)) as pool:
        wrong = sum(pool.map(lambda one: _kill(kind, one, options.times, options.seed), options.host))
    total = options.times * len(options.host)
    print(f"Runs of {kind.MODULE} were killed in {total} trials, {wrong} of them with problems afterwards.")
    return 1 if wrong else 0
