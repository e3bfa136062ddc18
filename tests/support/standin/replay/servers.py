# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The stand-in's processes of a replay."""

from __future__ import annotations

import faulthandler
import http.client
import json
import os
import shutil
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, NoReturn, Optional

import standin.__main__
import standin.app

# Nothing may leave the machine: whatever is not local goes to a proxy that is not there.
_CAGE = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "NO_PROXY": "localhost,127.0.0.1,.invalid",
    "TZ": "UTC",
}
_TESTS = Path(__file__).resolve().parents[2]
_START_TIMEOUT = 30
_REQUEST_TIMEOUT = 60
_SEED = "seed.json"


class Answer(NamedTuple):
    """What a server answered; header names in lower case."""

    status: int
    headers: Dict[str, str]
    body: bytes


class StandIn:
    """One face, both services in one process behind the path prefixes that nginx strips."""

    def __init__(self, face: str, data: Path, options: Mapping[str, str]) -> None:
        self.data = data
        self.port = _free_port()
        self.url = f"http://localhost:{self.port}"
        self.console_file = data.parent / f"{data.name}.log"
        self._face = face
        self._options = dict(options)
        self._pid = 0
        self._status: Optional[int] = None

    def launch(self, environment: Mapping[str, str], seed: Optional[Dict[str, Any]] = None) -> None:
        """Start the process without waiting for it; its console starts empty."""
        self.stop()
        self.data.mkdir(parents=True, exist_ok=True)
        arguments = ["--face", self._face, "--service", "both", "--data", str(self.data), "--port", str(self.port)]
        if seed is not None:
            file = self.data.parent / f"{self.data.name}-{_SEED}"
            file.write_text(json.dumps(seed), encoding="utf-8")
            arguments += ["--seed", str(file)]
        own = {"PATH": os.environ.get("PATH", ""), "STANDIN_CONTROL": "1", **_CAGE, **self._options, **environment}
        self._status = None
        self._pid = self._spawn(["--host", "127.0.0.1", *arguments], own)

    def start(self, environment: Mapping[str, str], seed: Optional[Dict[str, Any]] = None) -> bool:
        """Start and wait until it answers; False if it died."""
        self.launch(environment, seed)
        return self.wait()

    def wait(self) -> bool:
        """Wait until it answers; False if it died."""
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self.exit_status() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return True
            except OSError:
                time.sleep(0.01)
        raise TimeoutError(f"the stand-in does not answer on port {self.port}: {self.console()}")

    def stop(self) -> None:
        """End the process."""
        if self.exit_status() is None and self._pid:
            os.kill(self._pid, signal.SIGTERM)
            self._ended(os.waitpid(self._pid, 0)[1])
        self._pid = 0

    def exit_status(self) -> Optional[int]:
        """Return the exit status of a process that has ended, negative for a signal; None while it runs."""
        if self._pid and self._status is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid:
                self._ended(status)
        return self._status

    def console(self) -> List[str]:
        """Return the lines on its console since the start."""
        return self.console_file.read_text(encoding="utf-8", errors="replace").splitlines()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: Optional[bytes] = None) -> Answer:
        """Send one request, with exactly these headers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_REQUEST_TIMEOUT)
        try:
            connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            if body is not None and "Content-Length" not in headers:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def control(self, method: str, path: str, body: Any = None, service: str = "api") -> Any:
        """Return a control endpoint's response."""
        data = b"" if body is None else json.dumps(body).encode()
        answer = self.ask(method, f"/{service}/_standin/{path}", {"Content-Type": "application/json"}, data)
        if answer.status != http.client.OK:
            raise RuntimeError(f"{method} {path}: {answer.status} {answer.body!r}")
        return json.loads(answer.body) if answer.body else None

    def _ended(self, status: int) -> None:
        self._status = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)

    def _spawn(self, arguments: List[str], environment: Dict[str, str]) -> int:
        """Start ``python -m standin``; its process id. A fork spares the imports, but is safe without threads only."""
        if len(list(Path("/proc/self/task").iterdir())) > 1:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            console = [(os.POSIX_SPAWN_OPEN, 1, str(self.console_file), flags, 0o600), (os.POSIX_SPAWN_DUP2, 1, 2)]
            command = [sys.executable, "-m", "standin", *arguments]
            return os.posix_spawn(command[0], command, {**environment, "PYTHONPATH": str(_TESTS)}, file_actions=console)
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            self._become(arguments, environment)
        return pid

    def _become(self, arguments: List[str], environment: Mapping[str, str]) -> NoReturn:
        """Become ``python -m standin``, as if started with that environment; in the child."""
        faulthandler.disable()  # an abort of the stand-in is not a fault of the program that replays
        console = os.open(self.console_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        for descriptor in (1, 2):
            os.dup2(console, descriptor)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        os.environ.clear()
        os.environ.update(environment)
        time.tzset()
        try:
            standin.__main__.main(arguments)
        finally:
            os._exit(1)

    def begin_from(self, source: Optional[Path]) -> None:
        """Take over the data that another run left."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        if source is not None:
            shutil.copytree(source, self.data)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
