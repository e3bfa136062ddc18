# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From where is asked: this host itself, or the network of a container by a process of ours in it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import time
from functools import partial
from typing import Any, Dict, Mapping, Optional, Protocol

from . import layers
from .endpoints import Endpoint, Wanted
from .layers import Outcome
from .login import Login, try_login
from .names import look_up_here
from .probe import probe
from .side_by_side import side_by_side
from .surroundings import enter
from .trust import context_of
from .way import View

HOST = "host"
CONTAINER = "container"

# Beside the time limits of its questions (a login is tried twice): a process that hangs must not stay in the network.
_SPARE = 30
_AGAIN = "Run the task again."


class Place(Protocol):
    """Somewhere to ask from."""

    name: str

    def outcomes(self) -> Dict[str, Outcome]:
        """All endpoints by name."""

    def probe(self, endpoint: Endpoint) -> Outcome:
        """One more."""

    def login(self) -> Login:
        """The installation's login."""


class NotEntered(Exception):
    """The container's network cannot be entered; the message says why."""


class Here:
    """This process, with its own view of the network. ``timeout`` in seconds, for each question."""

    def __init__(self, name: str, wanted: Wanted, view: View, timeout: float) -> None:
        self.name = name
        self.wanted = wanted
        self.view = view
        self.timeout = timeout

    def outcomes(self) -> Dict[str, Outcome]:
        """All endpoints, asked side by side."""
        return self._ask(*(one for one in self.wanted.endpoints if not one.unusable))

    def probe(self, endpoint: Endpoint) -> Outcome:
        """One more."""
        return self._ask(endpoint)[endpoint.name]

    def login(self) -> Login:
        """The installation's login."""

        def failed(detail: str, advice: str) -> Login:
            return Login(None, layers.HTTP, detail, advice)

        question = {self.name: partial(try_login, self.wanted, self.view, self.timeout)}
        found = side_by_side(question, self.timeout, failed)[self.name]
        if found.wait:
            time.sleep(found.wait)
            found = side_by_side(question, self.timeout, failed)[self.name]
        return found

    def _ask(self, *endpoints: Endpoint) -> Dict[str, Outcome]:
        def failed(detail: str, advice: str) -> Outcome:
            return Outcome(False, layers.HTTP, detail, advice)

        return side_by_side(
            {one.name: partial(probe, one, self.view, self.timeout) for one in endpoints}, self.timeout, failed
        )


def host_place(wanted: Wanted, environment: Mapping[str, str], context: Any, timeout: float) -> Here:
    """This host."""
    return Here(HOST, wanted, View(environment, look_up_here, context), timeout)


class InContainer:
    """A copy of this process in the container's network. It asks the endpoints at once, and more when told to.

    It has the key in its memory, so that no command line and no file needs to name it. Start it before any thread.
    """

    name = CONTAINER

    def __init__(self, init: int, changes: Mapping[str, Optional[str]], wanted: Wanted, timeout: float) -> None:
        """``init`` is the container's first process; ``changes`` as in ``enter``."""
        mine, its = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self._process = os.fork()
        if self._process == 0:
            mine.close()
            _live_in_container(its, init, changes, wanted, timeout)
        its.close()
        self._line = mine.makefile("rwb")
        self._socket = mine
        self._outcomes: Optional[Dict[str, Outcome]] = None

    def ensure_entered(self) -> None:
        """Wait until the process is in the network. Raises ``NotEntered``."""
        self._read()

    def outcomes(self) -> Dict[str, Outcome]:
        """All endpoints, after ``ensure_entered``. Raises ``NotEntered``."""
        if self._outcomes is None:
            answer = self._read()
            self._outcomes = {name: Outcome.from_dict(data) for name, data in answer.items()}
        return self._outcomes

    def probe(self, endpoint: Endpoint) -> Outcome:
        """One more."""
        try:
            return Outcome.from_dict(self._ask({"endpoint": endpoint._asdict()}))
        except (NotEntered, OSError) as error:
            return Outcome(False, layers.HTTP, str(error), _AGAIN)

    def login(self) -> Login:
        """The installation's login."""
        try:
            return Login.from_dict(self._ask({}))
        except (NotEntered, OSError) as error:
            return Login(None, layers.HTTP, str(error), _AGAIN)

    def close(self) -> None:
        """End the process and wait for it."""
        with contextlib.suppress(OSError):
            self._line.close()
        self._socket.close()
        os.waitpid(self._process, 0)

    def _ask(self, request: Dict[str, Any]) -> Dict[str, Any]:
        self._line.write(json.dumps(request).encode() + b"\n")
        self._line.flush()
        return self._read()

    def _read(self) -> Dict[str, Any]:
        line = self._line.readline()
        if not line:
            raise NotEntered("the process in the container's network ended")
        answer: Dict[str, Any] = json.loads(line)
        if "refused" in answer:
            raise NotEntered(str(answer["refused"]))
        return answer


def _live_in_container(
    line: socket.socket, init: int, changes: Mapping[str, Optional[str]], wanted: Wanted, timeout: float
) -> None:
    """The life of the copy. It never returns, and says nothing but through ``line``."""
    try:
        stream = line.makefile("rwb")
        for answer in _answers(stream, init, changes, wanted, timeout):
            stream.write(json.dumps(answer).encode() + b"\n")
            stream.flush()
    except BaseException:
        os._exit(1)
    os._exit(0)


def _answers(stream: Any, init: int, changes: Mapping[str, Optional[str]], wanted: Wanted, timeout: float) -> Any:
    longest = round(4 * timeout) + _SPARE
    signal.alarm(longest)
    try:
        around = enter(init, changes)
    except OSError as error:
        yield {"refused": error.strerror or str(error)}
        return
    yield {}
    view = View(around.environment, around.resolver.look_up, context_of(around.certificates))
    place = Here(CONTAINER, wanted, view, timeout)
    yield {name: outcome._asdict() for name, outcome in place.outcomes().items()}
    signal.alarm(0)
    for request in stream:
        signal.alarm(longest)
        data = json.loads(request)
        answer = place.probe(Endpoint(**data["endpoint"])) if "endpoint" in data else place.login()
        yield answer._asdict()
        signal.alarm(0)
