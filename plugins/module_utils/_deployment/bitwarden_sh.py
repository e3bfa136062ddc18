# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bitwarden.sh: whether it is whole, and how it is called. The containers show what it did, not its exit status."""

from __future__ import annotations

import os
import re
import stat
from typing import Callable, List, Tuple

from .._commands.runner import COMMAND_TIMEOUT, Commands, Result

_RUN = "run.sh"
_URL = "https://func.bitwarden.com/api/dl/?app=self-host&platform=linux"

# Bitwarden's scripts choose their command in the last lines, outside of any function: what was cut off lacks that.
_READS_COMMAND = re.compile(rb"^[^\s#].*\$\{?[1@*]", re.MULTILINE)
_SHOWN = 60


def reads_command(content: bytes) -> bool:
    """Tell whether one of Bitwarden's scripts has the lines at its end that choose its command."""
    return bool(_READS_COMMAND.search(content))


class Script:
    """The script at ``path`` for the deployment in ``bwdata``; ``timeout`` in seconds is how long a call may take."""

    def __init__(self, commands: Commands, path: str, bwdata: str, timeout: float = COMMAND_TIMEOUT) -> None:
        self.commands = commands
        self.path = path
        self.bwdata = bwdata
        self.timeout = timeout

    @property
    def folder(self) -> str:
        """The folder of the script, where it is run."""
        return os.path.dirname(self.path)

    def exists(self) -> bool:
        """Tell whether the script exists."""
        return os.path.lexists(self.path)

    def problems(self, mask: Callable[[str], str]) -> List[str]:
        """Return why the script cannot do its work, each with what to do; it and its ``run.sh`` are only read.

        ``mask`` hides the secrets in a text.
        """
        owner, run = self.commands.account.name, os.path.join(self.bwdata, "scripts", _RUN)
        content, broken = self._read(self.path, mask)
        found = [f"{self.path} {broken} Replace it as {owner} (curl -fLo {self.path} '{_URL}')."] if broken else []
        if broken or _RUN.encode() in content:
            _content, broken = self._read(run, mask)
            replace = " ".join([self.path, "updaterun", *self._bwdata_argument()])
            if broken:
                found.append(f"{run}, which bitwarden.sh calls, {broken} Replace it as {owner} ({replace}).")
            elif not self._is_executable(run):
                found.append(f"{run}, which bitwarden.sh calls, is not executable by {owner} (chmod u+x {run}).")
        return found

    def run(self, command: str) -> Result:
        """Run ``bitwarden.sh COMMAND`` as the owner of the deployment.

        It asks root to confirm ("not recommended … continue?"), which is answered.
        """
        answer = "y\n" if self.commands.account.uid == 0 else ""
        arguments = [self._bash(), self.path, command, *self._bwdata_argument()]
        return self.commands.run(arguments, self.timeout, stdin=answer, cwd=self.folder)

    def _bash(self) -> str:
        return self.commands.find("bash") or "bash"

    def _bwdata_argument(self) -> List[str]:
        beside = os.path.join(self.folder, "bwdata")
        return [] if os.path.realpath(self.bwdata) == os.path.realpath(beside) else [self.bwdata]

    def _read(self, path: str, mask: Callable[[str], str]) -> Tuple[bytes, str]:
        """Return the content of a script, and why it is not a whole one (empty where it is)."""
        try:
            # With the rights of the account that is to run it.
            with self.commands.account.assumed():
                if not stat.S_ISREG(os.stat(path).st_mode):
                    return b"", "is not a regular file."
                with open(path, "rb") as stream:
                    content = stream.read()
        except FileNotFoundError:
            return b"", "does not exist."
        except OSError as error:
            return b"", f"cannot be read by {self.commands.account.name}: {error.strerror}."
        if not content:
            return b"", "is empty."
        # Masked before it is cut: half a secret would not be recognised.
        first = mask(content.split(b"\n", 1)[0].decode("utf-8", "replace"))[:_SHOWN]
        if not content.startswith(b"#!"):
            return content, f"is not a shell script. It begins with {first!r}."
        checked = self.commands.run([self._bash(), "-n", path], COMMAND_TIMEOUT, cwd=self.folder)
        if checked.rc != 0:
            said = mask(checked.stderr.strip().split("\n", 1)[0]) or f"bash -n {checked.ending}"
            return content, f"is broken: {said}. It begins with {first!r}."
        if not reads_command(content):
            return content, f"is cut off: it never reads the command that it is given. It begins with {first!r}."
        return content, ""

    def _is_executable(self, path: str) -> bool:
        with self.commands.account.assumed():
            return os.access(path, os.X_OK, effective_ids=os.access in os.supports_effective_ids)
