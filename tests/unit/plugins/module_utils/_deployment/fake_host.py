# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory: the Docker engine, Compose and bitwarden.sh answer as the real ones do."""

from __future__ import annotations

import json
import os
import pwd
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import unquote, urlparse

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import deployment as deployment_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.docker_client import Response
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
    """Stands in for ``Commands`` and ``EngineClient``. The knobs say what goes wrong.

    ``done`` lists what was changed, ``processes`` the commands that were started, ``asked`` the services whose health
    check was run, ``inspections`` counts how often all containers were inspected.
    """

    docker = "/usr/bin/docker"

    def __init__(self, bwdata: Path) -> None:
        self.bwdata = bwdata
        self.account = Account(pwd.getpwuid(os.getuid()).pw_name, os.getuid(), os.getgid(), (os.getgid(),), "/")
        self.environment = {"PATH": "/nowhere"}
        self.inherited = ()
        self.now = 1000.0
        self.done: list = []
        self.processes: list = []
        self.asked: list = []
        self.inspections = 0
        self.health = "starting"
        self.pid = 0
        self.containers: dict = {}
        self.compose_environment: dict = {}
        self.version = "2026.8.0"
        self.pull_fails = False
        self.script_does_nothing = False
        self.images_gone = False
        self.hangs = ""
        #: Services that end at once, and services that Compose cannot create.
        self.ends: tuple = ()
        self.cannot_create: tuple = ()
        self.limits: dict = {}
        self.crashes = lambda environment: False
        self.unhealthy = lambda service, environment: service == "icons"
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
        (bwdata.parent / "bitwarden.sh").write_text('#!/bin/sh\ncase $1 in restart) ;; esac\n')

    @property
    def clock(self) -> Clock:
        def sleep(seconds):
            self.now += seconds

        return Clock(lambda: self.now, sleep)

    def find(self, name, folders=None):
        return f"/usr/bin/{name}"

    def install(self, monkeypatch):
        """Have every deployment that is opened from now on use this host."""
        monkeypatch.setattr(deployment_module, "Commands", lambda account, environ: self)
        monkeypatch.setattr(deployment_module, "EngineClient", lambda commands, docker: self)
        return self

    def run(self, arguments, timeout, *, stdin="", cwd=None, environment=None):
        self.processes.append(arguments)
        program, *rest = arguments
        command = next((word for word in ("restart", "stop", "config", "up", "down") if word in rest), "")
        self.limits[command] = timeout
        if command and command == self.hangs:
            if command == "restart":
                self.containers.clear()
            return Result(-9, "pulling\n", "", True, timeout)
        if rest[0] == "-n":
            return Result(0, "", "")
        if program.endswith("bash"):
            return self._script(rest[1])
        if program.endswith("docker-compose"):
            return self._compose(rest, environment or {})
        if rest[0] == "compose":
            return self._compose(rest[1:], environment or {})
        raise AssertionError(arguments)

    def request(self, method, path, timeout, body=None):
        """Answer as the engine's API does."""
        kind, *rest = unquote(urlparse(path).path).strip("/").split("/")
        if path.startswith("/containers/json?"):
            self.inspections += 1
            labels = {"com.docker.compose.project.working_dir": f"{self.bwdata}/docker"}
            return Response(200, [{"Id": name, "Labels": labels} for name in self.containers])
        if kind == "images":
            return Response(200, {"Id": rest[0], "Config": {"Env": ["PATH=/bin", "FROM_IMAGE=yes"]}})
        if kind == "exec":
            container = self.containers[rest[0]]
            return Response(200, {"Running": False, "ExitCode": int(self.unhealthy(rest[0], container["environment"]))})
        if rest[1] == "json":
            return Response(200, self._inspect(rest[0]))
        if rest[1] == "exec":
            self.asked.append(rest[0])
            running = self.containers[rest[0]]["state"] == "running"
            return Response(201, {"Id": rest[0]}) if running else Response(409, {"message": "is not running"})
        if rest[1] == "restart":
            self.done.append(f"restart {rest[0]}")
            self.now += 1
            self.containers[rest[0]]["started"] = self.now
            return Response(204, None)
        raise AssertionError(path)

    def connect(self):
        return None

    def stream(self, connection, path, timeout, body=None, stdin=None):
        """Answer with a log, or with what a health check prints."""
        kind, name, *_more = path.strip("/").split("/")
        text = f"Unhandled exception. {self.containers[name]['environment']}\n" if kind == "containers" else ""
        return Response(200, b"\1\0\0\0" + len(text.encode()).to_bytes(4, "big") + text.encode())

    def start(self):
        """Bring everything up on the files as they are; not noted in ``done``."""
        self._up()
        self.done.clear()
        self.processes.clear()
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
            if service in self.cannot_create:
                continue
            if everything or existing is None or existing["environment"] != wanted:
                self.containers[service] = {
                    "environment": wanted,
                    "created": created,
                    "started": self.now,
                    "state": "restarting" if self.crashes(wanted) else "exited" if service in self.ends else "running",
                    "restarts": 3 if self.crashes(wanted) else 0,
                    "version": self.version,
                }

    def _inspect(self, name):
        container = self.containers[name]
        return {
            "Id": name,
            "Created": _time(container["created"]),
            "Image": f"sha256:{name}",
            "RestartCount": container["restarts"],
            "HostConfig": {"RestartPolicy": {"Name": container.get("policy", "always")}},
            "State": {
                "Status": container["state"],
                "StartedAt": _time(container["started"]),
                "FinishedAt": "0001-01-01T00:00:00Z",
                "Health": {"Status": self.health},
                "Pid": self.pid,
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
