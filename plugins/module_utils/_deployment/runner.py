# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run commands on the host as the owner of the deployment, in a clean environment, each with a time limit."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import signal
import subprocess
import tempfile
import time
from typing import IO, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .._common.errors import BitwardenError

# Where Docker's command is found when PATH does not name its place (an SSH session without a login shell).
_USUAL_PLACES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin")

# Which engine the owner's docker command talks to; a task sets these by its environment keyword.
_KEPT = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR")

# A pull's progress can be long. The end tells how it ended.
_OUTPUT_LIMIT = 256 * 1024


class CommandError(BitwardenError):
    """A command cannot be run at all; the message says which and why."""


class Account(NamedTuple):
    """The user that owns a deployment, with all his groups."""

    name: str
    uid: int
    gid: int
    groups: Tuple[int, ...]
    home: str

    @classmethod
    def owner_of(cls, path: str) -> Account:
        """The owner of ``path``. A number without an account keeps the path's own group. Raises ``OSError``."""
        status = os.stat(path)
        try:
            entry = pwd.getpwuid(status.st_uid)
        except KeyError:
            return cls(str(status.st_uid), status.st_uid, status.st_gid, (status.st_gid,), "/")
        groups = {entry.pw_gid, *(group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem)}
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(sorted(groups)), entry.pw_dir)

    def is_current(self) -> bool:
        """Whether this process already runs as this account."""
        return os.geteuid() == self.uid

    def can_be_taken(self) -> bool:
        """Whether this process may act as this account: it is the account, or root."""
        return self.is_current() or os.geteuid() == 0


class Result(NamedTuple):
    """How a command ended. ``rc`` is negative after a signal, as ``subprocess`` has it."""

    rc: int
    stdout: str
    stderr: str
    timed_out: bool = False

    @property
    def last_words(self) -> str:
        """The last line that says something, errors first."""
        lines = [line.strip() for text in (self.stdout, self.stderr) for line in text.splitlines() if line.strip()]
        return lines[-1] if lines else "it said nothing"


class _Running(NamedTuple):
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]


class Commands:
    """Runs commands as ``account``.

    ``environ`` is this process's environment, of which only what chooses the engine is handed on.
    """

    def __init__(self, account: Account, environ: Mapping[str, str]) -> None:
        self.account = account
        path = [place for place in environ.get("PATH", "").split(os.pathsep) if place]
        path += [place for place in _USUAL_PLACES if place not in path]
        #: Descriptors that every command inherits: a lock among them is held until the last command has ended.
        self.inherited: Tuple[int, ...] = ()
        self.environment: Dict[str, str] = {name: environ[name] for name in _KEPT if name in environ}
        self.environment.update(
            PATH=os.pathsep.join(path), LC_ALL="C.UTF-8", HOME=account.home, USER=account.name, LOGNAME=account.name
        )

    def find(self, name: str) -> Optional[str]:
        """The path of a command, or None."""
        for place in self.environment["PATH"].split(os.pathsep):
            candidate = os.path.join(place, name)
            if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
        return None

    def run(
        self,
        arguments: Sequence[str],
        timeout: float,
        *,
        stdin: str = "",
        cwd: Optional[str] = None,
        environment: Optional[Mapping[str, str]] = None,
    ) -> Result:
        """Run one command; ``timeout`` in seconds, after which it is ended with all its children."""
        return self._finish(self._start(arguments, stdin, cwd, environment), time.monotonic() + timeout)

    def run_all(self, several: Sequence[Sequence[str]], timeout: float) -> List[Result]:
        """Run several commands side by side and return their results in the same order.

        Processes, not threads: a thread must not fork with code of ours running before the exec.
        """
        deadline = time.monotonic() + timeout
        return [self._finish(running, deadline) for running in [self._start(one, "", None, None) for one in several]]

    def _start(
        self, arguments: Sequence[str], stdin: str, cwd: Optional[str], environment: Optional[Mapping[str, str]]
    ) -> _Running:
        # Files, not pipes: a child left in the background would keep a pipe open, and the caller waiting.
        stdout: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  _finish closes both
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as source:
            source.write(stdin.encode())
            source.seek(0)
            try:
                # Ansible's run_command needs a module at hand, and this code knows none.
                process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                    list(arguments),
                    stdin=source,
                    stdout=stdout,
                    stderr=stderr,
                    cwd=cwd or "/",
                    env={**self.environment, **(environment or {})},
                    start_new_session=True,
                    pass_fds=self.inherited,
                    preexec_fn=self._demotion(),  # noqa: PLW1509  there are no threads
                )
            except OSError as error:
                reason = error.strerror or "not started"
                raise CommandError(f"{arguments[0]} cannot be run as {self.account.name}: {reason}.") from error
        return _Running(process, stdout, stderr)

    def _demotion(self) -> Optional[Callable[[], None]]:
        account = self.account
        if account.is_current():
            return None

        def demote() -> None:
            os.setgroups(list(account.groups))
            os.setgid(account.gid)
            os.setuid(account.uid)

        return demote

    @staticmethod
    def _finish(running: _Running, deadline: float) -> Result:
        timed_out = False
        try:
            running.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            timed_out = True
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
        with running.stdout, running.stderr:
            return Result(running.process.returncode, _end(running.stdout), _end(running.stderr), timed_out)


def _end(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _OUTPUT_LIMIT))
    return output.read().decode("utf-8", "replace")
