# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""bitwarden.sh and how it is called. The containers show what it did; its exit status does not."""

from __future__ import annotations

import os

from .runner import Commands, Result

# Pulling eleven images over a slow line takes long, and mssql has a minute to stop.
_TIMEOUT = 3600.0


class Script:
    """The script at ``path`` for the deployment in ``bwdata``."""

    def __init__(self, commands: Commands, path: str, bwdata: str) -> None:
        self.commands = commands
        self.path = path
        self.bwdata = bwdata

    @property
    def folder(self) -> str:
        """The folder of the script, where it is run."""
        return os.path.dirname(self.path)

    def exists(self) -> bool:
        """Tell whether the script exists."""
        return os.path.isfile(self.path)

    def run(self, command: str) -> Result:
        """Run ``bitwarden.sh COMMAND`` as the owner of the deployment.

        It asks root to confirm ("not recommended … continue?"), which is answered.
        """
        arguments = [self.commands.find("bash") or "bash", self.path, command]
        if os.path.realpath(self.bwdata) != os.path.realpath(os.path.join(self.folder, "bwdata")):
            arguments.append(self.bwdata)
        answer = "y\n" if self.commands.account.uid == 0 else ""
        return self.commands.run(arguments, _TIMEOUT, stdin=answer, cwd=self.folder)
