# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encryption of an archive by ``age`` or ``gpg`` on the host, for recipients, as the archive is written."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
import threading
from typing import IO, Callable, List, NamedTuple, Optional, Sequence, Union, cast

from .._common.errors import BitwardenError

_PROGRAMS = ("age", "gpg")
_CHECK_TIMEOUT = 60.0
_END_TIMEOUT = 600.0
_CHUNK = 1 << 16


class EncryptionError(BitwardenError):
    """An archive cannot be encrypted: the program, a recipient, or how the program ended."""


class Encryption(NamedTuple):
    """A program and the recipients that can decrypt what it encrypts."""

    name: str
    path: str
    recipients: Sequence[str]

    @property
    def command(self) -> List[str]:
        """The command that encrypts its input. That a recipient is named makes the key trusted."""
        flag = "-r" if self.name == "age" else "--recipient"
        options = [part for one in self.recipients for part in (flag, one)]
        if self.name == "age":
            return [self.path, *options]
        quiet = ["--batch", "--no-tty", "--quiet", "--trust-model", "always", "--compress-algo", "none"]
        return [self.path, *quiet, *options, "--encrypt"]


def find_encryption(name: Optional[str], recipients: Sequence[str], find: Callable[[str], Optional[str]]) -> Encryption:
    """Return the program ``name``, or the first that the host has. Raises ``EncryptionError``."""
    for one in [name] if name else _PROGRAMS:
        path = find(one)
        if path is not None:
            return Encryption(one, path, list(recipients))
    if name:
        raise EncryptionError(f"encrypt: {name} is not installed on the host. Install it, or set another program.")
    raise EncryptionError("encrypt: neither age nor gpg is installed on the host. Install one, or leave out encrypt.")


def recipient_problems(encryption: Encryption) -> List[str]:
    """Return which recipients the program does not accept, with its own words; tried with an empty text for each."""
    problems = []
    for one in encryption.recipients:
        if one.startswith("-") or not one.strip():
            problems.append(f"encrypt: {one!r} is not a recipient.")
            continue
        said = _tried(encryption._replace(recipients=[one]))
        if said:
            problems.append(f"encrypt: {encryption.name} does not accept the recipient {one}: {said.rstrip('.')}.")
    return problems


def _tried(encryption: Encryption) -> str:
    """Return why the program cannot encrypt for its recipients, empty where it can."""
    try:
        # Ansible's run_command belongs to a module, and this code has none.
        done = subprocess.run(  # pylint: disable=ansible-bad-function
            encryption.command, input=b"", capture_output=True, timeout=_CHECK_TIMEOUT, check=False, cwd="/"
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {_CHECK_TIMEOUT:.0f} seconds"
    except OSError as error:
        return error.strerror or "it cannot be run"
    if done.returncode == 0 and done.stdout:
        return ""
    return _last_line(done.stderr) or f"it ended with status {done.returncode}"


class Cipher:
    """A running encryption: write to ``input``; what comes out is given to ``output`` meanwhile."""

    def __init__(self, encryption: Encryption, output: Callable[[bytes], object]) -> None:
        self._name = encryption.name
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed in the end
        try:
            self._process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                encryption.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise EncryptionError(f"{encryption.path} cannot be run: {error.strerror}.") from None
        self.input = cast("IO[bytes]", self._process.stdin)
        self._result = cast("IO[bytes]", self._process.stdout)
        self._output = output
        self._failure: Optional[OSError] = None
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        try:
            for data in iter(lambda: self._result.read(_CHUNK), b""):
                self._output(data)
        except OSError as error:
            # Its reader gone, the program ends, and writing to it fails.
            self._failure = error
            self._result.close()

    def close(self) -> None:
        """Tell the program that all is written, and wait until it has ended.

        Raises ``EncryptionError`` and ``OSError``.
        """
        with contextlib.suppress(BrokenPipeError):
            self.input.close()
        try:
            status = self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise EncryptionError(f"{self._name} did not end within {_END_TIMEOUT:.0f} seconds.") from None
        self._thread.join(_END_TIMEOUT)
        if self._failure is not None or status != 0:
            raise self.failure()
        self._errors.close()

    def failure(self) -> Union[EncryptionError, OSError]:
        """Return why the program takes no more input: its output could not be written, or how it ended."""
        self._thread.join(_CHECK_TIMEOUT)
        if self._failure is not None:
            return self._failure
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_CHECK_TIMEOUT)
        self._errors.seek(0)
        said = _last_line(self._errors.read(_CHUNK)) or "it printed nothing"
        return EncryptionError(f"{self._name} ended with status {self._process.returncode}: {said.rstrip('.')}.")

    def kill(self) -> None:
        """End the program at once."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, 9)
        self._process.wait()
        with contextlib.suppress(OSError):
            self.input.close()
        self._thread.join(_CHECK_TIMEOUT)


def _last_line(text: bytes) -> str:
    lines = [line.strip() for line in text.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""
