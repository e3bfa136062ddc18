# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on the host, run as the owner of the deployment, in a clean environment, each with a time limit."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import socket
import subprocess
import tempfile
import time
from functools import partial
from typing import IO, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Sequence, Tuple

from .._common.durations import format_duration
from .._common.errors import BitwardenError
from . import session

# Where Docker's command is when PATH does not have its folder (an SSH session without a login shell).
_USUAL_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/snap/bin")

# Which engine the owner's docker command talks to; a task sets these by its environment keyword.
_KEPT = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "XDG_RUNTIME_DIR")

# How long a command may take where the user sets no limit: it only reads.
COMMAND_TIMEOUT = 60.0

# A pull's progress can be long. The end tells how it ended.
_OUTPUT_LIMIT = 256 * 1024

# A shell adds the number of the signal that killed a command.
_KILLED = 128


class CommandError(BitwardenError):
    """A command cannot be run at all; the message says which and why."""


class Account(NamedTuple):
    """The user that owns a deployment, with all of the user's groups."""

    name: str
    uid: int
    gid: int
    groups: Tuple[int, ...]
    home: str

    @classmethod
    def owner_of(cls, path: str) -> Account:
        """Return the owner of ``path``. A number without an account keeps the path's own group. Raises ``OSError``."""
        status = os.stat(path)
        try:
            entry = pwd.getpwuid(status.st_uid)
        except KeyError:
            return cls(str(status.st_uid), status.st_uid, status.st_gid, (status.st_gid,), "/")
        return cls._of(entry)

    @classmethod
    def named(cls, name: str) -> Optional[Account]:
        """Return the account of this name, None where the host has none."""
        try:
            return cls._of(pwd.getpwnam(name))
        except KeyError:
            return None

    @classmethod
    def _of(cls, entry: pwd.struct_passwd) -> Account:
        groups = {entry.pw_gid, *(group.gr_gid for group in grp.getgrall() if entry.pw_name in group.gr_mem)}
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(sorted(groups)), entry.pw_dir)

    @property
    def has_entry(self) -> bool:
        """Whether the host has an account for it; else its name is its number."""
        return self.name != str(self.uid)

    def is_current(self) -> bool:
        """Tell whether this process already runs as this account."""
        return os.geteuid() == self.uid

    def can_be_taken(self) -> bool:
        """Tell whether this process may act as this account: it is the account, or root."""
        return self.is_current() or os.geteuid() == 0

    @contextlib.contextmanager
    def assumed(self) -> Iterator[None]:
        """Act as this account meanwhile, so that the kernel applies its rights to files and sockets.

        It concerns the whole process: not for use while other threads open anything.
        """
        if self.is_current():
            yield
            return
        uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
        try:
            os.setgroups(list(self.groups))
            os.setegid(self.gid)
            os.seteuid(self.uid)
            yield
        finally:
            os.seteuid(uid)
            os.setegid(gid)
            os.setgroups(groups)


class Result(NamedTuple):
    """How a command ended. ``rc`` is negative after a signal, as in ``subprocess``; ``limit`` is what it was given."""

    rc: int
    stdout: str
    stderr: str
    timed_out: bool = False
    limit: float = 0.0

    @property
    def ending(self) -> str:
        """How it ended, to follow its name in a message."""
        if self.timed_out:
            return f"did not end within {format_duration(self.limit)} and was killed"
        return f"was killed by signal {-self.rc}" if self.rc < 0 else f"ended with status {self.rc}"

    @property
    def interrupted(self) -> bool:
        """Whether it, or a command that it had started, was killed."""
        return self.timed_out or self.rc < 0 or self.rc > _KILLED

    @property
    def last_line(self) -> str:
        """The last line that is not empty, errors first."""
        return _last_line(self.stdout + "\n" + self.stderr) or "it printed nothing"

    @property
    def last_words(self) -> str:
        """The last line, as the end of a sentence."""
        return f"its last line: {self.last_line}{'' if self.last_line.endswith('.') else '.'}"

    def told(self, what: str) -> str:
        """Return a sentence on how the command ``what`` ended, with its last line."""
        return f"{what} {self.ending}; {self.last_words}"


class Attached(NamedTuple):
    """A command whose input and output are a socket."""

    process: subprocess.Popen[bytes]
    stderr: IO[bytes]

    def last_line(self) -> str:
        """Return the last line of its errors, empty where there is none. Call it once the socket is at its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        return _last_line(_end(self.stderr))


class _Running(NamedTuple):
    process: subprocess.Popen[bytes]
    stdout: IO[bytes]
    stderr: IO[bytes]


class Commands:
    """Runs commands as ``account``.

    ``environ`` is this process's environment, of which only what selects the engine is passed on.
    """

    def __init__(self, account: Account, environ: Mapping[str, str]) -> None:
        self.account = account
        path = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder]
        path += [folder for folder in _USUAL_FOLDERS if folder not in path]
        #: Descriptors that every command inherits: a lock among them is held until the last command has ended.
        self.inherited: Tuple[int, ...] = ()
        self.environment: Dict[str, str] = {name: environ[name] for name in _KEPT if name in environ}
        self.environment.update(
            PATH=os.pathsep.join(path), LC_ALL="C.UTF-8", HOME=account.home, USER=account.name, LOGNAME=account.name
        )

    def find(self, name: str, folders: Optional[Sequence[str]] = None) -> Optional[str]:
        """Return the path of a command in PATH or in ``folders``, or None."""
        for folder in folders or self.environment["PATH"].split(os.pathsep):
            candidate = os.path.join(folder, name)
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
        """Run one command; after ``timeout`` seconds it is killed with all its children. Raises ``CommandError``.

        One that fails has ended when its children have, too, which go on where only the command is killed.
        """
        return self._finish(self._start(arguments, stdin, cwd, environment), timeout)

    def begin(
        self, arguments: Sequence[str], cwd: Optional[str] = None, environment: Optional[Mapping[str, str]] = None
    ) -> Callable[[float], Result]:
        """Start a command, and return the call that waits for its end. Raises ``CommandError``."""
        return partial(self._finish, self._start(arguments, "", cwd, environment))

    def attach(self, arguments: Sequence[str], ends: socket.socket) -> Attached:
        """Start a command whose input and output are the socket ``ends``; it runs until that is closed.

        Raises ``CommandError``.
        """
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed with the process
        return Attached(self._popen(arguments, ends.fileno(), ends.fileno(), stderr.fileno(), None, None), stderr)

    def _start(
        self, arguments: Sequence[str], stdin: str, cwd: Optional[str], environment: Optional[Mapping[str, str]]
    ) -> _Running:
        # Files, not pipes: a child left in the background would keep a pipe open, and the caller waiting.
        stdout: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  _finish closes both
        stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        with tempfile.TemporaryFile() as source:
            source.write(stdin.encode())
            source.seek(0)
            process = self._popen(arguments, source.fileno(), stdout.fileno(), stderr.fileno(), cwd, environment)
        return _Running(process, stdout, stderr)

    def _popen(
        self,
        arguments: Sequence[str],
        stdin: int,
        stdout: int,
        stderr: int,
        cwd: Optional[str],
        environment: Optional[Mapping[str, str]],
    ) -> subprocess.Popen[bytes]:
        try:
            # Ansible's run_command belongs to a module, and this code has none.
            return subprocess.Popen(  # pylint: disable=ansible-bad-function
                list(arguments),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd=cwd or "/",
                env={**self.environment, **(environment or {})},
                start_new_session=True,
                pass_fds=self.inherited,
                preexec_fn=self._demotion(),  # noqa: PLW1509  no other thread is running
            )
        except OSError as error:
            reason = error.strerror or "not started"
            raise CommandError(f"{arguments[0]} cannot be run as {self.account.name}: {reason}.") from error

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
    def _finish(running: _Running, timeout: float) -> Result:
        timed_out = False
        end = time.monotonic() + timeout
        try:
            running.process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
        if running.process.returncode:
            timed_out = not session.wait(running.process.pid, end - time.monotonic())
        if timed_out:
            session.kill(running.process.pid)
            running.process.wait()
        with running.stdout, running.stderr:
            return Result(running.process.returncode, _end(running.stdout), _end(running.stderr), timed_out, timeout)


def _end(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(0, size - _OUTPUT_LIMIT))
    return output.read().decode("utf-8", "replace")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
