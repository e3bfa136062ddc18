# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory with a server that is running, and a drill beside it with a project and database of its own."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, unquote, urlparse

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile

from .._deployment.fake_host import IMAGE, READ, _labels
from .._restore.restore_host import RestoreHost, RowsDatabase

COMPOSE = "services:\n" + "".join(f"  {name}:\n    image: {IMAGE.format(name, '2026.8.0')}\n" for name in READ)
_PROJECT = "com.docker.compose.project"


class DrillHost(RestoreHost):
    """``drill`` has the containers of the drill by service, ``nets`` its networks, ``bound`` its volumes.

    ``added`` is what Compose finds in the files of the set beside its usual services, by service; ``leaks``: its
    networks are not internal.
    """

    def __init__(self, bwdata: Path, folder: Path) -> None:
        super().__init__(bwdata)
        self.folder = folder
        self.drill: dict = {}
        self.nets: dict = {}
        self.bound: set = set()
        self.added: dict = {}
        self.top: dict = {}
        self.leaks = False
        self.refuses = ""
        self.pulled: list = []
        self.registry_has = True
        self.exit_at = ""

    @property
    def inventory(self):
        return self

    def run(self, arguments, timeout, *, stdin="", cwd=None, environment=None):
        if arguments[1:2] == ["pull"]:
            self.pulled.append(arguments[-1])
            self.missing_images.discard(arguments[-1])
            return Result(0, "", "")
        return super().run(arguments, timeout, stdin=stdin, cwd=cwd, environment=environment)

    def _compose(self, arguments, environment):
        files = [one for one in (environment or {}).get("COMPOSE_FILE", "").split(":") if one]
        if not files or files[0].startswith(f"{self.bwdata}/"):
            return super()._compose(arguments, environment)
        if self.refuses and arguments[0] == "config":
            return Result(15, "", f"{files[0]}: yaml: line 7: {self.refuses}\n")
        text = Path(files[0]).read_text()
        model = (
            json.loads(text) if text.startswith("{") else self._model_of_set(Path(files[0]).parents[1], len(files) > 1)
        )
        if arguments[0] == "config":
            return Result(0, json.dumps(model), "")
        if arguments[0] == "version":
            return Result(0, "2.26.1", "")
        assert arguments[0] == "up", arguments
        only = [name for name in arguments if name in model["services"]]
        for name in only or model["services"]:
            self._create(name, model)
        return Result(0, "", "")

    def _model_of_set(self, folder, with_override):
        services = {}
        for name, files in READ.items():
            values = {}
            for file in files:
                path = folder / file
                values.update(EnvFile.parse(path.read_bytes(), str(path)).values())
            mounts = {"api": ["core", "logs/api"], "mssql": ["mssql/data", "mssql/backups"]}.get(name, [])
            services[name] = {
                "image": IMAGE.format(name, self.version),
                "container_name": f"bitwarden-{name}",
                "restart": "always",
                "environment": {key: value.replace("$", "$$") for key, value in values.items()},
                "networks": {"default": None, "public": None},
                "volumes": [
                    {"type": "bind", "source": str(folder / one), "target": f"/etc/{one}", "bind": {}} for one in mounts
                ],
                "depends_on": {"mssql": {"condition": "service_started"}} if name == "api" else {},
                "ports": [{"target": 8443, "published": "443"}] if name == "nginx" else [],
            }
        if with_override:
            for name, more in self.added.items():
                # As Compose makes a path beside its files whole.
                here = json.loads(json.dumps(more).replace("{bwdata}", str(folder)))
                services[name] = {**services.get(name, {}), **here}
        return {"name": "docker", "services": services, "networks": {"default": {"internal": True}}, **self.top}

    def _create(self, name, model):
        self.now += 1
        described = model["services"][name]
        network = {f"{model['name']}_{key}": one for key, one in model["networks"].items()}
        for key, one in network.items():
            self.nets[key] = {"Internal": bool(one.get("internal")) and not self.leaks, "project": model["name"]}
        self.bound |= {f"{model['name']}_{one}" for one in model.get("volumes") or {}}
        values = {key: value.replace("$$", "$") for key, value in described["environment"].items()}
        self.drill[name] = {
            "environment": {"PATH": "/bin", "FROM_IMAGE": "yes", **values},
            "project": model["name"],
            "created": self.now,
            "started": self.now,
            "state": "exited" if name in self.ends else "running",
            "restarts": 0,
            "version": self.version,
            "networks": list(network),
            "ports": described.get("ports") or [],
        }
        for mount in described.get("volumes") or []:
            assert mount["type"] != "bind" or Path(mount["source"]).is_dir(), "Docker would make it for root"

    def request(self, method, path, timeout, body=None):
        url = urlparse(path)
        kind, *rest = unquote(url.path).strip("/").split("/")
        labels = json.loads(parse_qs(url.query).get("filters", ['{"label": []}'])[0])["label"]
        project = next((one.partition("=")[2] for one in labels if one.startswith(f"{_PROJECT}=")), None)
        if kind == "distribution":
            return Response(200, {}) if self.registry_has else Response(404, {"message": "manifest unknown"})
        if kind == "containers" and rest == ["json"]:
            if project:
                return Response(200, [one for one in self._drills() if one["Labels"][_PROJECT] == project])
            listed = super().request(method, path, timeout, body)
            return Response(200, [*listed.body, *self._drills()])
        if project is not None:
            nets = [{"Name": name, "Id": name, **one} for name, one in self.nets.items() if one["project"] == project]
            return Response(200, nets if kind == "networks" else {"Volumes": [{"Name": one} for one in self.bound]})
        if method == "DELETE" and kind in ("networks", "volumes"):
            if kind == "networks":
                assert not self.drill, "a network that is in use is not removed"
                del self.nets[rest[0]]
            else:
                self.bound.discard(rest[0])
            return Response(204, None)
        if rest and rest[0].startswith("drill-"):
            return self._of_drill(method, kind, rest, body)
        return super().request(method, path, timeout, body)

    def _drills(self):
        return [
            {
                "Id": f"drill-{name}",
                "Names": [f"/{one['project']}-{name}-1"],
                "Labels": _labels(one["project"], f"{self.folder}/docker", name),
                "State": one["state"],
                "Ports": [{"PublicPort": int(port["published"]), "Type": "tcp"} for port in one["ports"]],
                "NetworkSettings": {"Networks": {network: {} for network in one["networks"]}},
            }
            for name, one in self.drill.items()
        ]

    def _of_drill(self, method, kind, rest, body):
        name = rest[0][len("drill-") :]
        if method == "DELETE":
            del self.drill[name]
            return Response(204, None)
        if kind == "exec":
            return Response(200, {"Running": False, "ExitCode": int(self.unhealthy(name, {}))})
        if rest[1] == "exec":
            self.command = body["Cmd"]
            return Response(201, {"Id": rest[0]})
        server, self.containers = self.containers, self.drill
        try:
            described = self._inspect(name)
        finally:
            self.containers = server
        labels = _labels(self.drill[name]["project"], f"{self.folder}/docker", name)
        return Response(200, {**described, "Id": rest[0], "Config": {**described["Config"], "Labels": labels}})


class DrillDatabase(RowsDatabase):
    """SQL Server of the drill: empty until a dump is restored into it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(SimpleNamespace(bwdata=folder))
        self.databases = {"master": None}
        self.lost: dict = {}

    def run(self, statement):
        super().run(statement)
        if statement.startswith("RESTORE DATABASE"):
            self.databases["vault"].update(self.lost)
