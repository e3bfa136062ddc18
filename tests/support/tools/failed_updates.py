# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have updates of a host of the fleet fail at each step, and see what becomes of the server.

``python -m tests.support.tools.failed_updates``. Each fault is brought about once, over the step of the engine. The
update must fail and name the cause; the server must be up on the old version then, and a client see what it saw.
``--only`` names some of the faults.
"""

from __future__ import annotations

import argparse
import random
import sys
import threading
from typing import Callable, Dict, List, Literal, NamedTuple, Optional

from tests.support.fleet import locks, names
from tests.support.fleet.api import Host, downloads, host, registry
from tests.support.tools.killed_runs import BACKUPS, FOLDER
from tests.support.tools.killed_updates import STEPS, Updates

_BEFORE, _AFTER = STEPS[0]
_IMAGES = f"docker images --format '{{{{.Repository}}}}:{{{{.Tag}}}}' | grep ':{_AFTER}$'"
_JOURNAL = f"{names.BWDATA}/.bitwarden-update/journal.json"
_SHOWN = 300

Step = Callable[[Host], object]


class Fault(NamedTuple):
    """How a fault is brought about, before the run or while it goes on, and undone; ``cause`` is in the message."""

    cause: str
    before: Optional[Step] = None
    meanwhile: Optional[Step] = None
    after: Optional[Step] = None


def _shell(script: str) -> Step:
    return lambda one: one.execute("sh", "-c", script)


def _at(phase: str, script: str) -> Step:
    return _shell(
        f"for _i in $(seq 6000); do grep -qs '\"{phase}\"' {_JOURNAL} && break; sleep 0.02; done; {script} || true"
    )


def _without_images(then: Step) -> Step:
    """Remove the images of the release first, so that they are pulled."""

    def bring_about(one: Host) -> None:
        one.execute("sh", "-c", f"docker rmi --force $({_IMAGES}) > /dev/null || true")
        then(one)

    return bring_about


def _stop_the_registry_between(one: Host) -> None:
    one.execute("sh", "-c", f"for _i in $(seq 6000); do test $({_IMAGES} | wc -l) -gt 3 && break; sleep 0.02; done")
    registry().stop()


def _spoilt(service: str, fault: str, cause: str) -> Fault:
    return Fault(
        cause,
        _without_images(lambda _one: registry().spoil(service, _AFTER, fault)),
        after=_without_images(lambda _one: registry().start()),
    )


def _site(fault: Literal[404, "html", "empty", "cut"], cause: str) -> Fault:
    return Fault(cause, lambda _one: downloads().fail("raw", fault), after=lambda _one: downloads().reset())


def _full_disk(phase: str, cause: str = "No space left on device") -> Fault:
    """Give the server a file system of its own, which is filled while the update is in a phase."""
    down = f"cd {names.BWDATA}/docker && docker compose down --timeout 1; cd /"
    up = f"cd {names.BWDATA}/docker && docker compose up --detach"
    folder = names.BITWARDEN
    return Fault(
        cause,
        _shell(
            f"{down}; cp -a {folder} {FOLDER}/moved; mount -t tmpfs -o size=24m,mode=0700 tmpfs {folder}; "
            f"cp -a {FOLDER}/moved/. {folder}/; chown --reference={FOLDER}/moved {folder}; {up}"
        ),
        _at(phase, f"dd if=/dev/zero of={folder}/filler bs=4k 2>/dev/null"),
        _shell(
            f"rm -f {folder}/filler; {down}; rm -rf {FOLDER}/moved; cp -a {folder} {FOLDER}/moved; umount {folder}; "
            f"find {folder} -mindepth 1 -delete; cp -a {FOLDER}/moved/. {folder}/; rm -r {FOLDER}/moved; {up}"
        ),
    )


FAULTS: Dict[str, Fault] = {
    "names of the sites unknown": Fault(
        "Could not resolve host", lambda _one: downloads().stop("unknown"), after=lambda _one: downloads().reset()
    ),
    "sites refuse connections": Fault(
        "Failed to connect", lambda _one: downloads().stop("refused"), after=lambda _one: downloads().reset()
    ),
    "script: 404": _site(404, "404"),
    "script: HTML with 200": _site("html", "is not a bash script"),
    "script: empty": _site("empty", "is empty"),
    "script: cut off": _site("cut", "bytes missing"),
    "registry down before": Fault(
        "connection refused",
        _without_images(lambda _one: registry().stop()),
        after=lambda _one: registry().start(),
    ),
    "registry down midway": Fault(
        "connection refused",
        _without_images(lambda _one: None),
        _stop_the_registry_between,
        lambda _one: registry().start(),
    ),
    "image missing": _spoilt("sso", "missing", "sso"),
    "mssql crashes": _spoilt("mssql", "crash", "was tried with an empty database on this host and ended with status"),
    "mssql unhealthy": _spoilt("mssql", "unhealthy", "did not pass its health check"),
    "migration fails with status 0": Fault(
        "did not run, though the setup tool ended well",
        lambda one: one.control("migration", {"fails": _AFTER}),
        after=lambda one: one.control("migration", {"fails": None}),
    ),
    "api crashes": _spoilt("api", "crash", "api"),
    "notifications unhealthy": _spoilt("notifications", "unhealthy", "notifications"),
    "no space for the backup": Fault(
        "Too little space on the file system of",
        _shell(f"rm -rf {BACKUPS}; mkdir -p {BACKUPS}; mount -t tmpfs -o size=256k tmpfs {BACKUPS}"),
        after=_shell(f"umount {BACKUPS}"),
    ),
    "disk full while preparing": _full_disk("preparing"),
    "disk full while replacing": _full_disk("replacing"),
    "disk full while migrating": _full_disk("database"),
    "disk full while starting": _full_disk("serving", "is full: "),
}


def _try(updates: Updates, name: str, fault: Fault) -> bool:
    """Bring one fault about, print what became of the update, and return whether that is as it should be."""
    one = updates.host
    if fault.before:
        fault.before(one)
        updates.wait()
    seen = updates.client.sees()
    running = threading.Thread(target=lambda: fault.meanwhile and fault.meanwhile(one))
    running.start()
    ended = updates.run({"version": _AFTER})
    running.join()
    if fault.after:
        fault.after(one)
    updates.wait()
    result = ended.result or {}
    message = str(result.get("msg", ""))
    endings = {"Nothing was changed.": "not begun", "The server was not touched.": "not begun"}
    became = next((what for text, what in endings.items() if message.endswith(text)), "left as it is")
    became = "taken back" if result.get("rolled_back") else became
    problems = (
        [] if result.get("failed") and became != "left as it is" else [f"{became}, failed {result.get('failed')}"]
    )
    problems += [] if fault.cause in message else [f"its message does not say: {fault.cause}"]
    problems += updates.problems_now((_BEFORE,), seen)
    print(f"{name:32} {became:12} {'; '.join(problems) or 'well'}\n    {message[:_SHOWN]}", flush=True)
    return not problems


def main(arguments: Optional[List[str]] = None) -> int:
    """Try the faults; return 0 where all ended well."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.tools.failed_updates", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(FAULTS), default=list(FAULTS))
    parser.add_argument("--host", default="bw4", choices=list(names.HOSTS))
    options = parser.parse_args(arguments)
    with locks.using(print):
        updates = Updates(host(options.host), random.Random(0))
        updates.prepare()
        try:
            updates.begin_again()
            wrong = sum(not _try(updates, name, FAULTS[name]) for name in options.only)
        finally:
            updates.clean_up()
    print(f"{len(options.only)} faults, {wrong} of them with problems afterwards.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
