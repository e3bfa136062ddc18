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

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import deployment as deployment_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import unchanged as unchanged_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.health_wait import Clock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response
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
    check was run, ``inspections`` counts how often all containers were inspected. ``read`` are the services of the
    Compose file, each with its env files; ``compose_services`` and ``compose_top`` add to what the file says.
    ``others`` are containers that are not the deployment's, as the engine lists them.
    """

    docker = "/usr/bin/docker"
    host = "unix:///var/run/docker.sock"

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
        self.compose_services: dict = {}
        self.compose_top: dict = {}
        self.model_names_env_files = True
        self.project = "docker"
        self.read = dict(READ)
        self.others: list = []
        self.networks: dict = {}
        self.volumes: set = set()
        self.listening: dict = {}
        self.missing_images: set = set()
        self.version = "2026.8.0"
        self.pull_fails = False
        self.script_does_nothing = False
        self.images_gone: set = set()
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
        (bwdata.parent / "bitwarden.sh").write_text("#!/bin/sh\ncase $1 in restart) ;; esac\n")

    @property
    def clock(self) -> Clock:
        def sleep(seconds):
            self.now += seconds

        return Clock(lambda: self.now, sleep)

    def find(self, name, folders=None):
        return f"/usr/bin/{name}"

    def install(self, monkeypatch):
        """Have every deployment that is opened from now on use this host."""
        monkeypatch.setattr(deployment_module, "listening", lambda port: self.listening.get(str(port), ""))
        for module, client in ((deployment_module, "StreamClient"), (unchanged_module, "EngineClient")):
            monkeypatch.setattr(module, "Commands", lambda account, environ: self)
            monkeypatch.setattr(module, client, lambda commands, docker: self)
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

    def begin(self, arguments, cwd=None, environment=None):
        """Do at once what a real host does meanwhile."""
        result = self.run(arguments, 0, cwd=cwd, environment=environment)
        return lambda _timeout: result

    def begin_request(self, method, path, timeout):
        response = self.request(method, path, timeout)
        return lambda: response

    def begin_stream(self, connection, path, timeout, body=None, stdin=None):
        response = self.stream(connection, path, timeout, body, stdin)
        return lambda: response

    def request(self, method, path, timeout, body=None):
        """Answer as the engine's API does."""
        kind, *rest = unquote(urlparse(path).path).strip("/").split("/")
        if kind in ("networks", "volumes", "images") or path.startswith("/containers/json?"):
            return self._described(kind, rest, "filters" in path)
        if kind == "exec":
            container = self.containers[rest[0]]
            return Response(200, {"Running": False, "ExitCode": int(self.unhealthy(rest[0], container["environment"]))})
        if method == "DELETE":
            del self.containers[rest[0]]
            return Response(204, None)
        if rest[1] == "stop":
            return Response(204, None)
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

    def _described(self, kind, rest, only_own):
        if kind == "containers":
            return Response(200, self._listed(only_own))
        if kind == "networks":
            return Response(200, [{"Name": name, **described} for name, described in self.networks.items()])
        missing = rest[0] not in self.volumes if kind == "volumes" else "/".join(rest[:-1]) in self.missing_images
        return Response(404 if missing else 200, {"Id": rest[0], "Config": {"Env": ["PATH=/bin", "FROM_IMAGE=yes"]}})

    @property
    def client(self):
        """The engine's client, which is this host, too."""
        return self

    def connect(self):
        return None

    def other(self, name, service="", project="docker", folder="/srv/other/docker", ports=()):
        """Add a container that is not the deployment's; without a service Compose did not make it."""
        labels = _labels(project, folder, service) if service else {}
        held = [{"IP": "0.0.0.0", "PrivatePort": 1, "PublicPort": port, "Type": "tcp"} for port in ports]
        self.others.append({"Id": f"id-of-{name}", "Names": [f"/{name}"], "Labels": labels, "Ports": held})

    def _listed(self, only_own):
        own = [
            {
                "Id": name,
                "Names": [f"/bitwarden-{name}"],
                "Labels": self._labels_of(name),
                "State": self.containers[name]["state"],
                "Ports": self.containers[name]["state"] == "running"
                and [
                    {
                        "IP": "0.0.0.0",
                        "PrivatePort": port["target"],
                        "PublicPort": int(port["published"]),
                        "Type": "tcp",
                    }
                    for port in self.compose_services.get(name, {}).get("ports", ())
                ],
            }
            for name in self.containers
        ]
        if not only_own:
            return own + self.others
        self.inspections += 1
        return own

    def _labels_of(self, name):
        return _labels(self.containers[name]["project"], f"{self.bwdata}/docker", name)

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
        """Return the environment that Compose would give a service, with ``folder`` as its project's folder."""
        found = {}
        for name in self.read[service]:
            path = Path(folder).parent / name
            found.update(EnvFile.parse(path.read_bytes(), str(path)).values())
        found.update(self.compose_environment.get(service, {}))
        return found

    def _script(self, command):
        self.done.append(f"script {command}")
        if self.script_does_nothing:
            return Result(1, "", "not today\n")
        if len(self.containers) > 1:
            self._down()
        if command == "stop":
            return Result(0, "", "")
        if self.pull_fails:
            return Result(18, "", "pull failed, CanaryInstallationKey\n")
        self._up()
        return Result(0, "started, CanaryInstallationKey\n", "")

    def _compose(self, arguments, environment):
        folder = Path(environment.get("COMPOSE_FILE", "").split(":")[0]).parent
        if arguments[:2] == ["config", "--no-interpolate"]:
            return Result(0, json.dumps(self._model(folder)), "")
        if arguments[0] == "config":
            services = {}
            for name in self.read:
                values = {key: value.replace("$", "$$") for key, value in self.expected(name, folder).items()}
                described = {"image": IMAGE.format(name, self.version), "container_name": f"bitwarden-{name}"}
                services[name] = {**described, "environment": values, **self.compose_services.get(name, {})}
            return Result(0, json.dumps({"name": self.project, "services": services, **self.compose_top}), "")
        if arguments[0] == "pull":
            self.done.append("pull")
            if self.pull_fails:
                return Result(18, "", "pull failed\n")
            self.missing_images.clear()
        if arguments[0] == "up":
            return self._compose_up(arguments)
        if arguments[0] == "down":
            self.done.append("down")
            self._down()
        return Result(0, "", "")

    def _compose_up(self, arguments):
        """Give up before anything is started where one of the services cannot be."""
        named = [name for name in arguments if name in self.read]
        only = named or list(self.read)
        recreate = "--force-recreate" in arguments
        self.done.append(" ".join(["up", *(["all"] if recreate else []), *named]))
        taken = {one["Names"][0] for one in self.others if not self._is_in_project(one)}
        if any(f"/bitwarden-{name}" in taken for name in only if name not in self.containers):
            return Result(1, "", "Conflict. The container name is already in use\n")
        if self.images_gone & set(only):
            return Result(1, "", "No such image\n")
        self._up(everything=recreate, only=only)
        return Result(0, "", "")

    def _model(self, folder):
        services = {}
        for name, files in self.read.items():
            listed = [{"path": str(Path(folder).parent / file), "required": True} for file in files]
            services[name] = {"env_file": listed} if self.model_names_env_files else {}
            services[name]["environment"] = self.compose_environment.get(name, {})
        return {"services": services}

    def _is_in_project(self, listed):
        """Tell it by the project's name only, as Compose does: whose folder it was made from does not matter to it."""
        labels = listed["Labels"]
        if labels.get("com.docker.compose.oneoff") == "True":
            return False
        project, service = (labels.get(f"com.docker.compose.{key}") for key in ("project", "service"))
        return project == self.project and service in self.read

    def _down(self):
        for name in list(self.containers):
            if name in self.read and self.containers[name]["project"] == self.project:
                del self.containers[name]
        self.others = [one for one in self.others if not self._is_in_project(one)]

    def _up(self, everything=False, only=None):
        self.now += 1
        created = self.now
        self.now += 1
        self.others = [one for one in self.others if not self._is_in_project(one)]
        for service in only or self.read:
            wanted = {"PATH": "/bin", "FROM_IMAGE": "yes", **self.expected(service, self.bwdata / "docker")}
            existing = self.containers.get(service)
            if service in self.cannot_create:
                continue
            if everything or existing is None or existing["environment"] != wanted:
                self.containers[service] = {
                    "environment": wanted,
                    "project": self.project,
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
                "Labels": self._labels_of(name),
                "Healthcheck": {"Test": ["CMD-SHELL", "ask"]},
            },
        }


def _labels(project, folder, service):
    label = "com.docker.compose"
    return {f"{label}.project": project, f"{label}.project.working_dir": folder, f"{label}.service": service}


def _time(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
