# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How long clients see no server during an update by this collection, and by ``bitwarden.sh update``."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Callable, Dict, List, Optional, Sequence, Tuple, Type

from tests.support.fleet import FleetError, api, names

from .figures import ratios
from .runs import UPDATE, Controller

FROM, TO = "2026.7.0", names.VERSION
_HOST = "bw4"
_PAUSE = 0.05
_PATIENCE = 30.0
_BACKUPS = "/var/backups/bitwarden"


def measure(controller: Controller, rounds: int) -> Dict[str, List[float]]:
    """Return the figures of the group ``downtime``: the same server, update and images, taken in turn."""
    host = api.host(_HOST)
    controller.write_inventory({host.name: host.variables})
    variants: Dict[str, Callable[[], object]] = {
        "module": lambda: controller.run(UPDATE),
        "script": lambda: _by_script(host),
    }
    seconds: Dict[str, List[float]] = {name: [] for name in variants}
    try:
        for _round in range(rounds):
            for name, update in variants.items():
                _prepare(host)
                with Watch(host.control.answers) as watch:
                    update()
                seconds[name].append(watch.down())
    finally:
        host.execute("rm", "-rf", _BACKUPS)
        host.reset()
    return {"downtime": ratios(seconds["module"], seconds["script"])}


def _prepare(host: api.Host) -> None:
    """Put the server on the old version, with the images of the new one on its disk."""
    host.execute("rm", "-rf", _BACKUPS, f"{names.BWDATA}/.bitwarden-update")
    host.reset()
    host.use_version(FROM)
    for service in (*names.SERVICES, "setup"):
        host.docker("pull", "--quiet", f"{names.REGISTRY}/bitwarden/{service}:{TO}")


def _by_script(host: api.Host) -> None:
    for command in ("updateself", "update"):
        done = host.script(command)
        if done.returncode:
            raise FleetError(f"bitwarden.sh {command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")


class Watch:
    """Asks a server all the time, during a ``with`` block and until it answers again."""

    def __init__(self, answers: Callable[[], bool]) -> None:
        self._answers = answers
        self._ended = threading.Event()
        self._seen: List[Tuple[float, bool]] = []
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        deadline = None
        while True:
            ended = self._ended.is_set()
            asked = time.monotonic()
            self._seen.append((asked, self._answers()))
            deadline = deadline or (asked + _PATIENCE if ended else None)
            if deadline and (self._seen[-1][1] or asked > deadline):
                return
            time.sleep(_PAUSE)

    def down(self) -> float:
        """Return for how many seconds the server did not answer."""
        if not self._seen[-1][1]:
            raise FleetError("the server does not answer after the update")
        found = downtime(self._seen)
        if not found:
            raise FleetError("the server was answering all the time, so it was not updated")
        return found


def downtime(seen: Sequence[Tuple[float, bool]]) -> float:
    """Return the seconds from each request that failed to the next. ``seen``: time of a request, whether answered."""
    return sum(later - earlier for (earlier, answered), (later, _then) in zip(seen, seen[1:]) if not answered)
