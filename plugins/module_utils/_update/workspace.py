# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the new version, generated in a folder of their own while the old version is serving."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
from typing import Any, Dict, List, Mapping

from .._common.errors import BitwardenError
from .._compose.composition import Composition
from .._compose.project import Project
from .._deployment.deployment import Deployment
from .._env_files.document import EnvFile
from .._settings.override_file import FILES
from .._settings.secrecy import is_secret
from .journal import UpdateJournal

# What the setup tool reads or writes below bwdata. The services write to none of it but key-connector.
_COPIED = ("config.yml", "docker", "env", "identity", "nginx", "web", "key-connector")
_RUN = "scripts/run.sh"
# The name of the database that the nightly backup of mssql saves.
_NIGHTLY = "DATABASE"
# Who owns the files of this host is not for the setup tool to say, and Key Connector writes to its data meanwhile.
_STAYS = ("env/uid.env", "key-connector/data.json")


class WorkspaceError(BitwardenError):
    """What the setup tool generated cannot be used."""


class Workspace:
    """A copy of the server's settings in the folder of the journal, on which the setup tool works."""

    def __init__(self, deployment: Deployment, journal: UpdateJournal) -> None:
        self._deployment = deployment
        self._journal = journal
        self.folder = journal.new("").rstrip("/")

    def fill(self, run: bytes) -> None:
        """Copy what the setup tool works on; ``run`` is the new ``run.sh``. Raises ``OSError``."""
        bwdata, account = self._deployment.bwdata, self._deployment.account
        for name in _COPIED:
            source, target = os.path.join(bwdata, name), self._journal.make_folder(name)
            if os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True)
            elif os.path.lexists(source):
                shutil.copy2(source, target, follow_symlinks=False)
        path = self._journal.make_folder(_RUN)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700), "wb") as stream:
            stream.write(run)
        self._own(account.uid, account.gid)

    def name_database(self, name: str) -> None:
        """Have Bitwarden's nightly backup save the database ``name``, where the setup tool has just named another one.

        Servers that were installed before 2023.7.0 lack that setting, and an update adds it with the usual name.
        """
        file = FILES["mssql"]
        path = os.path.join(self.folder, "env", file)
        if _NIGHTLY in self._values(self._deployment.bwdata, file) or not os.path.isfile(path):
            return
        with open(path, "rb") as stream:
            settings = EnvFile.parse(stream.read(), path)
        if settings.get(_NIGHTLY) not in (None, name):
            with open(path, "wb") as output:
                output.write(settings.change({_NIGHTLY: name}, is_secret)[0])

    def composition(self) -> Composition:
        """Return what Compose would create from the generated files, the user's override included.

        Raises ``ComposeError``.
        """
        return self._project().read()

    def described(self) -> Mapping[str, Dict[str, Any]]:
        """Return the services that Compose makes of the generated files, by name, as it describes them."""
        project = self._project()
        text = project.describe(project.files())
        return (json.loads(text) if text else {}).get("services") or {}

    def _project(self) -> Project:
        docker, directory = self._deployment.engine.docker, self._deployment.script.folder
        return Project(self._deployment.commands, docker, self.folder, directory, self._deployment.project.timeout)

    def changed(self) -> List[str]:
        """Return the files that differ from those of the server, in the order in which they are put in place."""
        found = []
        for folder, _folders, names in os.walk(self.folder):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), self.folder)
                if path not in _STAYS and not self._is_same(path):
                    found.append(path)
        return sorted(found)

    def lost_settings(self) -> List[str]:
        """Return the names of settings that the setup tool removed or changed in the user's files."""
        lost = []
        for file in FILES.values():
            before, after = self._values(self._deployment.bwdata, file), self._values(self.folder, file)
            lost += [name for name, value in before.items() if after.get(name) != value]
        return sorted(set(lost))

    def _values(self, root: str, file: str) -> Dict[str, str]:
        path = os.path.join(root, "env", file)
        if not os.path.isfile(path):
            return {}
        with open(path, "rb") as stream:
            return EnvFile.parse(stream.read(), path).values()

    def _is_same(self, path: str) -> bool:
        old, new = os.path.join(self._deployment.bwdata, path), os.path.join(self.folder, path)
        if os.path.islink(new) or os.path.islink(old):
            return os.path.islink(new) and os.path.islink(old) and os.readlink(new) == os.readlink(old)
        if not os.path.isfile(old) or not filecmp.cmp(old, new, shallow=False):
            return False
        return path != _RUN or os.access(old, os.X_OK)

    def _own(self, uid: int, gid: int) -> None:
        if os.geteuid() != 0:
            return
        for folder, folders, names in os.walk(self.folder):
            for path in (folder, *(os.path.join(folder, one) for one in (*folders, *names))):
                os.lchown(path, uid, gid)
