# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that exists in memory: Docker, Compose and bitwarden.sh answer as the real ones do, without any of them."""

from __future__ import annotations

import json
import os
import pwd
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.health_wait import Clock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.runner import Account, Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile

IMAGE = "ghcr.io/bitwarden/{}:{}"
READ = {
    "api": ["docker/global.env", "env/uid.env", "env/global.override.env"],
    "identity": ["docker/global.env", "env/uid.env", "env/global.override.env"],
    "mssql": ["env/uid.env", "env/mssql.override.env"],
    "nginx": ["env/uid.env"],
    "icons": ["env/uid.env"],
}


class FakeHost:
    """Takes the place of ``Commands``. ``done`` lists what was changed; the knobs say what goes wrong."""

    def __init__(self, bwdata: Path) -> None:
        self.bwdata = bwdata
        self.account = Account(pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid(), (os.getgid(),), "/")
        self.environment = {"PATH": "/nowhere"}
        self.inherited = ()
        self.now = 1000.0
        self.done: list = []
        self.containers: dict = {}
        self.compose_environment: dict = {}
        self.version = "2026.8.0"
        self.pull_fails = False
        self.script_does_nothing = False
        self.images_gone = False
        self.dies = lambda environment: False
        self.sick = lambda service, environment: service == "icons"
        for name, content in {
            "docker/global.env": "globalSettings__selfHosted=true\n",
            "docker/docker-compose.yml": "services: {}\n",
            "env/uid.env": "LOCAL_UID=1000\nLOCAL_GID=1000\n",
            "env/global.override.env": "globalSettings__installation__id=b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b\n"
            "globalSettings__installation__key=CanaryInstallationKey\nglobalSettings__enableCloudCommunication=false\n",
            "env/mssql.override.env": "ACCEPT_EULA=Y\n",
        }.items():
            (bwdata / name).parent.mkdir(parents=True, exist_ok=True)
            (bwdata / name).write_text(content)
        (bwdata.parent / "bitwarden.sh").write_text("#!/bin/sh\n")

    @property
    def clock(self) -> Clock:
        def sleep(seconds):
            self.now += seconds

        return Clock(lambda: self.now, sleep)

    def find(self, name):
        return f"/usr/bin/{name}"

    def run_all(self, several, timeout):
        return [self.run(one, timeout) for one in several]

    def run(self, arguments, timeout, *, stdin="", cwd=None, environment=None):
        program, *rest = arguments
        if program.endswith("bash"):
            return self._script(rest[1])
        if rest[0] == "compose":
            return self._compose(rest[1:], environment or {})
        if rest[0] == "ps":
            listed = [f"{name}\t{self.bwdata}/docker\tFalse\n" for name in self.containers]
            return Result(0, "".join(listed), "")
        if rest[:2] == ["container", "inspect"]:
            return Result(0, json.dumps([self._inspect(name) for name in rest[2:]]), "")
        if rest[:2] == ["image", "inspect"]:
            image = {"Env": ["PATH=/bin", "FROM_IMAGE=yes"]}
            return Result(0, json.dumps([{"Id": name, "Config": image} for name in rest[2:]]), "")
        if rest[0] == "exec":
            container = self.containers[rest[1]]
            well = container["state"] == "running" and not self.sick(rest[1], container["environment"])
            return Result(0 if well else 1, "", "")
        if rest[0] == "logs":
            return Result(0, f"Unhandled exception. {self.containers[rest[-1]]['environment']}\n", "")
        if rest[0] == "restart":
            self.done.append(f"restart {rest[1]}")
            self.now += 1
            self.containers[rest[1]]["started"] = self.now
            return Result(0, "", "")
        raise AssertionError(arguments)

    def start(self):
        """Bring everything up on the files as they are; not noted in ``done``."""
        self._up()
        self.done.clear()
        return self

    def expected(self, service, folder):
        """The environment that Compose would give a service, with ``folder`` as its project's folder."""
        found = {}
        for name in READ[service]:
            path = Path(folder).parent / name
            found.update(EnvFile.parse(path.read_bytes(), str(path)).values())
        found.update(self.compose_environment.get(service, {}))
        return found

    def _script(self, command):
        self.done.append(f"script {command}")
        if self.script_does_nothing:
            return Result(1, "", "not today\n")
        if len(self.containers) > 1:
            self.containers.clear()
        if command == "stop":
            return Result(0, "", "")
        if self.pull_fails:
            return Result(18, "", "pull failed, CanaryInstallationKey\n")
        self._up()
        return Result(0, "started, CanaryInstallationKey\n", "")

    def _compose(self, arguments, environment):
        folder = Path(environment.get("COMPOSE_FILE", "").split(":")[0]).parent
        if arguments[0] == "config":
            services = {}
            for name in READ:
                values = {key: value.replace("$", "$$") for key, value in self.expected(name, folder).items()}
                services[name] = {"image": IMAGE.format(name, self.version), "environment": values}
            return Result(0, json.dumps({"name": "docker", "services": services}), "")
        if arguments[0] == "up":
            self.done.append("up" + (" all" if "--force-recreate" in arguments else ""))
            if self.images_gone:
                return Result(1, "", "No such image\n")
            self._up(everything="--force-recreate" in arguments)
        if arguments[0] == "down":
            self.done.append("down")
            self.containers.clear()
        return Result(0, "", "")

    def _up(self, everything=False):
        self.now += 1
        created = self.now
        self.now += 1
        for service in READ:
            wanted = {"PATH": "/bin", "FROM_IMAGE": "yes", **self.expected(service, self.bwdata / "docker")}
            existing = self.containers.get(service)
            if everything or existing is None or existing["environment"] != wanted:
                self.containers[service] = {
                    "environment": wanted,
                    "created": created,
                    "started": self.now,
                    "state": "restarting" if self.dies(wanted) else "running",
                    "restarts": 3 if self.dies(wanted) else 0,
                    "version": self.version,
                }

    def _inspect(self, name):
        container = self.containers[name]
        return {
            "Id": name,
            "Created": _time(container["created"]),
            "Image": f"sha256:{name}",
            "RestartCount": container["restarts"],
            "State": {
                "Status": container["state"],
                "StartedAt": _time(container["started"]),
                "FinishedAt": "0001-01-01T00:00:00Z",
                "Health": {"Status": "starting"},
            },
            "Config": {
                "Image": IMAGE.format(name, container["version"]),
                "Env": [f"{key}={value}" for key, value in container["environment"].items()],
                "Labels": {"com.docker.compose.service": name},
                "Healthcheck": {"Test": ["CMD-SHELL", "ask"]},
            },
        }


def _time(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
