# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compose on the deployment's project: starting it from local images, and where a fault is."""

from __future__ import annotations

import os
from functools import partial
from typing import Callable, List, Optional, Sequence

from .._commands.runner import Result
from .reader import ProjectReader


class Project(ProjectReader):
    """The Compose project in ``bwdata/docker``, read and started."""

    def env_files(self) -> Optional[List[str]]:
        """Return the paths of all env files that Compose reads, None where it does not tell."""
        sources, reader = self.sources(), self._reader()
        if sources is None:
            return None
        return sorted({reader.path(one) for service in sources.values() for one in service.files})

    def up(self, recreate_all: bool = False, only: Sequence[str] = (), no_deps: bool = False) -> Result:
        """Start what is missing or was created from other settings, from local images.

        ``recreate_all`` recreates all containers. ``only`` names the services to start (none: all);
        ``no_deps``: without what they depend on.
        """
        arguments = ["up", "--detach", *(["--force-recreate"] if recreate_all else [])]
        services = [*(["--no-deps"] if no_deps else []), *only]
        result = self._run([*arguments, "--pull", "never", *services], self.files())
        if result.rc != 0 and "unknown flag: --pull" in result.stderr:
            # The first releases of Compose 2 have no such option; they pull only missing images.
            result = self._run([*arguments, *services], self.files())
        return result

    def create(self, services: Sequence[str]) -> Callable[[], Result]:
        """Begin to create the containers of ``services``, which are not started; return the call that waits for that.

        Meanwhile others can be started. Raises ``CommandError``.
        """
        plugin = self._plugin()
        command = [plugin] if plugin else self._command  # it takes half as long
        arguments = [*command, "up", "--no-start", "--no-deps", "--pull", "never", *services]
        environment = {"COMPOSE_FILE": os.pathsep.join(self.files()), "COMPOSE_HTTP_TIMEOUT": "300"}
        return partial(self.commands.begin(arguments, self.directory, environment), self.timeout)

    def pull(self, services: Sequence[str]) -> Result:
        """Pull the images of ``services``."""
        return self._run(["pull", *services], self.files())

    def down(self) -> Result:
        """Stop and remove all containers of the project."""
        return self._run(["down"], self.files())

    def stop(self, services: Sequence[str]) -> Result:
        """Stop ``services``; their containers stay."""
        return self._run(["stop", *services], self.files())

    def start(self, services: Sequence[str]) -> Result:
        """Start the containers of ``services`` again, as they are."""
        return self._run(["start", *services], self.files())

    def describe(self, files: Sequence[str]) -> str:
        """Return what Compose makes of ``files``, in JSON, empty where it cannot read them."""
        result = self._call(self._command, ["config", "--format", "json"], list(files))
        return result.stdout if result.rc == 0 else ""

    def describe_with(self, main: str) -> str:
        """Return what Compose makes of the project with ``main`` as the content of its main file.

        In JSON, empty where it cannot read that.
        """
        result = self.commands.run(
            [*self._command, "--project-directory", self.folder, "config", "--format", "json"],
            self.timeout,
            stdin=main,
            cwd=self.directory,
            environment={"COMPOSE_FILE": os.pathsep.join(["-", *self.files()[1:]])},
        )
        return result.stdout if result.rc == 0 else ""

    def faulty_file(self) -> str:
        """Return the file because of which Compose cannot read the project, where its message does not name it."""
        main = self.files()[0]
        return self.files()[-1] if self._call(self._command, ["config", "--quiet"], [main]).rc == 0 else main

    def require(self) -> None:
        """Raise ``ComposeError`` where Compose is not installed, or is too old."""
        if self._version(self._command) is None:
            self._command = self._standalone()
        self._found = True
