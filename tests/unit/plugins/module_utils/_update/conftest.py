# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory that can be updated: setup tool, pulls and a second SQL Server answer as they are told."""

from __future__ import annotations

import json
import os
import pickle
import re
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as backup_plan
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.sqlcmd import DatabaseError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import health_wait
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import server as restore_server
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import old_server
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import run as run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import trial as trial_module
from ansible_collections.selfhosted.bitwarden.plugins.modules import update

from tests.support.fleet.names import FILES

from ...modules.fake_module import FakeModule
from .._deployment.fake_host import IMAGE
from .._restore.restore_host import RestoreHost, RowsDatabase

OLD, NEW = "2026.8.0", "2026.9.0"
SCRIPTS = {
    "2026.6.0": ["2026-05-27_00_Users.sql"],
    "2026.7.0": ["2026-06-30_00_Organizations.sql"],
    "2026.8.0": ["2026-08-04_00_Users.sql"],
    "2026.9.0": ["2026-09-01_00_Users.sql", "2026-09-08_00_Organizations.sql"],
}
ENGINES = {"2026.6.0": "16"}


def scripts_up_to(version):
    return sorted(name for release, names in SCRIPTS.items() if release <= version for name in names)


class UpdateDatabase(RowsDatabase):
    """Has the scripts that were run on it; its files are converted by the engine of the version that runs."""

    def __init__(self, host):
        super().__init__(host)
        self.scripts = scripts_up_to(OLD)
        #: The script at which the migration stops, though it ends with status 0.
        self.stops_at = ""

    def migrate(self, version):
        for name in scripts_up_to(version):
            if name == self.stops_at:
                return
            if name not in self.scripts:
                self.scripts = [*self.scripts, name]

    def run(self, statement):
        if statement.startswith("BACKUP"):
            super().run(statement)
            Path(f"{self._bak(statement)}.scripts").write_text(json.dumps(self.scripts))
        elif statement.startswith("RESTORE DATABASE"):
            super().run(statement)
            self.scripts = json.loads(Path(f"{self._original(statement)}.scripts").read_text())
        else:
            super().run(statement)

    def values(self, statement):
        self._refuse(statement)
        if "SELECT [ScriptName]" in statement:
            return list(self.scripts)
        self.engine = self.host.engine_version()
        self.migration = max(self.scripts)
        return super().values(statement)

    def rows(self, statement):
        return [{**super().rows(statement)[0], "SoftwareVersionMajor": self.host.engine_version()}]

    def _original(self, statement):
        """Return the dump under the name that it was made with."""
        made = sorted(self._bak(statement).parent.glob("*.bak.scripts"), key=lambda one: one.stat().st_mtime_ns)
        return made[-1].with_suffix("")


class TrialServer:
    """The second SQL Server, which is new."""

    def __init__(self, host):
        self.host = host

    def value(self, _statement):
        if self.host.trial == "silent":
            raise DatabaseError("SQL Server refused SELECT: not yet.")
        return "17"

    def values(self, _statement):
        if self.host.trial == "without":
            raise DatabaseError("SQL Server refused SELECT: Invalid object name.")
        return list(self.host.trial_scripts)


class UpdateHost(RestoreHost):
    """The knobs: ``trial`` and ``setup`` say what goes wrong there; ``leftovers`` are containers of killed runs.

    ``breaks`` and ``refuses`` name a request like ``remove api``: it does not reach the engine, or that refuses it.
    ``once_stopped`` is called when containers are stopped.
    """

    trial = ""
    setup = ""
    create_fails = False
    breaks = refuses = None
    once_stopped = staticmethod(lambda: None)
    unpullable: tuple = ()
    leftovers: tuple | list = ()
    unknown_images: tuple = ()
    writes = MappingProxyType({})

    def on(self, version):
        """Have this version installed and running."""
        self.version = version
        (self.bwdata / "docker/docker-compose.yml").write_text(compose_file(version))
        for name, path in (("bitwarden.sh", self.bwdata.parent), ("run.sh", self.bwdata / "scripts")):
            path.mkdir(exist_ok=True)
            (path / name).write_text(script(name, version))
            (path / name).chmod(0o700)
        self.containers.clear()
        return self.start()

    def run(self, arguments, timeout, *, stdin="", cwd=None, environment=None):
        if arguments[1:2] == ["pull"]:
            self.done.append(f"pull {arguments[-1]}")
            if arguments[-1].endswith(self.unpullable or ("/nothing",)):
                return Result(1, "", "Error response from daemon: no route to host\n")
            self.missing_images.discard(arguments[-1])
            return Result(0, "", "")
        if "--project-directory" in arguments:
            return self._merged(stdin)
        if arguments[1:2] == ["run"]:
            return self._setup(arguments)
        if arguments[1:3] == ["rm", "--force"]:
            return Result(0, "", "")
        return super().run(arguments, timeout, stdin=stdin, cwd=cwd, environment=environment)

    def _inspect(self, name):
        described = super()._inspect(name)
        described["Config"]["Image"] = self.compose_services.get(name, {}).get("image", described["Config"]["Image"])
        return described

    def _merged(self, main):
        """Answer as Compose does for another main file: what the override file says of an image stays."""
        version = re.search(r"image: \S+/api:(\S+)", main).group(1)
        services = {
            name: {"image": IMAGE.format(name, version), **self.compose_services.get(name, {})} for name in self.read
        }
        return Result(0, json.dumps({"services": services}), "")

    def _setup(self, arguments):
        folder = Path(arguments[arguments.index("--volume") + 1].rpartition(":")[0])
        version = arguments[arguments.index("-corev") + 1]
        assert "CanaryDatabasePassword" not in " ".join(arguments)
        if "-db" in arguments:
            in_trial = "trial" in folder.parts
            self.done.append("migrate the trial" if in_trial else "migrate")
            if in_trial:
                self.trial_scripts = scripts_up_to(version)
            else:
                self.database.migrate(version)
            return Result(
                134 if self.setup == "crash at migration" and not in_trial else 0, "", "Unhandled exception.\n"
            )
        self.done.append("generate")
        if self.setup != "refuses":
            (folder / "docker/docker-compose.yml").write_text(compose_file(version))
            config = folder / "config.yml"
            config.write_text(config.read_text())
            for name, text in self.writes.items():
                (folder / name).write_text(text)
        return Result(0, "", "")

    def _compose(self, arguments, environment):
        folder = Path(environment.get("COMPOSE_FILE", "").split(":")[0]).parent
        found = re.match(r"# (\S+)", (folder / "docker-compose.yml").read_text())
        before, self.version = self.version, found.group(1) if found else self.version
        try:
            return super()._compose(arguments, environment)
        finally:
            if folder != self.bwdata / "docker":
                self.version = before

    def _compose_up(self, arguments):
        named = [name for name in arguments if name in self.read]
        if "--no-start" not in arguments:
            return super()._compose_up(arguments)
        self.done.append(f"create {len(named)}")
        if not self.create_fails:
            self._up(only=named)
            for name in named:
                self.containers[name]["state"] = "created"
        return Result(int(self.create_fails), "", "")

    def _up(self, everything=False, only=None):
        """Replace containers of another image, and start those that do not run."""
        for name in only or self.read:
            now = self.containers.get(name)
            if now and (now["version"] != self.version or now["state"] != "running"):
                del self.containers[name]
        super()._up(everything, only)

    def begin_request(self, method, path, timeout):
        """Stop, remove or start a container."""
        name, what = (*path.split("/")[2:], "")[:2]
        asked = f"{what or 'remove'} {name}"
        if asked == self.breaks:
            raise EngineError(f"The engine is gone ({asked}).")
        if asked == self.refuses:
            return lambda: Response(500, {"message": f"cannot {asked}"})
        self.done.append(asked)
        if what == "start":
            self._up(only=[name])
        elif what == "stop":
            self.containers[name]["state"] = "exited"
            self.once_stopped()
        else:
            assert self.containers.pop(name)["state"] == "exited"
        return lambda: Response(204, None)

    def request(self, method, path, timeout, body=None):
        if path.startswith("/distribution/"):
            known = not any(one in unquote(path) for one in self.unknown_images)
            return Response(200, {}) if known else Response(404, {"message": "manifest unknown"})
        if path.startswith("/containers/create"):
            self.done.append("try the database")
            (self.bwdata / ".bitwarden-update/trial/data/master.mdf").write_text("new")
            return Response(201, {"Id": "trial"})
        if path.startswith("/containers/json?") and "bitwarden-update-" in path:
            return Response(200, self.leftovers)
        if method == "DELETE" and path.partition("?")[0].endswith("-left"):
            self.leftovers = [one for one in self.leftovers if one["Id"] not in path]
            return Response(204, None)
        if "bitwarden-update-mssql" in path:
            self.done.append("remove the trial")
            return Response(204, None)
        if path in ("/containers/trial/exec", "/exec/trial/json"):
            self.command = body["Cmd"] if body else self.command
            return Response(201, {"Id": "trial", "Running": False, "ExitCode": int(self.trial == "unhealthy")})
        if path.startswith("/containers/trial/"):
            state = {"Status": "exited" if self.trial == "crash" else "running", "ExitCode": 139}
            described = {"Id": "trial", "Created": "", "Image": "", "RestartCount": 0, "HostConfig": {}}
            state.update(StartedAt="", FinishedAt="")
            check = {"Test": ["CMD-SHELL", "/healthcheck.sh"]}
            return Response(
                200, {**described, "State": state, "Config": {"Image": "mssql", "Env": [], "Healthcheck": check}}
            )
        return super().request(method, path, timeout, body)

    def stream(self, connection, path, timeout, body=None, stdin=None):
        if path.startswith("/containers/trial/"):
            text = "Fatal: this CPU is not supported\n"
            return Response(200, b"\1\0\0\0" + len(text.encode()).to_bytes(4, "big") + text.encode())
        return super().stream(connection, path, timeout, body, stdin)

    def engine_version(self):
        """Return that of the database that is running, whatever the Compose file says by then."""
        return ENGINES.get(self.containers.get("mssql", {}).get("version", self.version), "17")

    def versions(self):
        """Return the versions of the containers that are running."""
        return {one["version"] for one in self.containers.values() if one["state"] == "running"}

    def remember(self, file, database):
        file.write_bytes(pickle.dumps([self.containers, self.now, self.version, database.databases, database.scripts]))

    def recall(self, file, database):
        self.containers, self.now, self.version, database.databases, database.scripts = pickle.loads(file.read_bytes())


def compose_file(version):
    return f"# {version}\nservices:\n  api:\n    image: {IMAGE.format('api', version)}\n"


def script(name, version):
    return (FILES / "bitwarden" / name).read_text().replace("2026.8.0", version)


@pytest.fixture
def host(tmp_path, monkeypatch):
    made = UpdateHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    for folder in ("mssql/data", "mssql/backups"):
        (made.bwdata / folder).mkdir(parents=True)
    (made.bwdata / "mssql/data/master.mdf").write_text("of SQL Server")
    monkeypatch.setattr(restore_server, "Clock", lambda: made.clock)
    monkeypatch.setattr(health_wait, "Clock", lambda: made.clock)
    monkeypatch.setattr(trial_module, "Clock", lambda *_: made.clock)
    monkeypatch.setattr(trial_module, "SqlServer", lambda *_: TrialServer(made))
    monkeypatch.setattr(plan_module, "self_updating_jobs", lambda: made.jobs)
    monkeypatch.setattr(os, "sync", lambda: None)
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    made.jobs = []
    made.fill()
    made.health = "healthy"
    return made.on(OLD)


@pytest.fixture
def database(host, monkeypatch):
    fake = host.database = UpdateDatabase(host)
    for module in (backup_plan, old_server, restore_server, run_module):
        monkeypatch.setattr(module, "running_server", lambda *_: fake)
    return fake


@pytest.fixture
def run(host, database, tmp_path):
    """Run the module to a version; return its result, or that of its failure, and the warnings."""

    def run(version=NEW, check_mode=False, **options):
        source = tmp_path / version
        source.mkdir(exist_ok=True)
        for name in ("bitwarden.sh", "run.sh"):
            (source / name).write_text(script(name, version))
        given = {"bwdata": str(host.bwdata), "source": str(source), "backup_dest": str(tmp_path / "backups")}
        module = FakeModule("update", check_mode, **{**given, "lock_timeout": "1s", "wait_timeout": "60s", **options})
        try:
            return {"failed": False, **update.run(module), "warnings": module.warnings}
        except BitwardenError as error:
            return {**update.NOTHING, "failed": True, "changed": False, **error.result(), "warnings": module.warnings}

    return run


def files(host):
    """Return everything below bwdata but what SQL Server has, and the script."""
    found = {
        str(path.relative_to(host.bwdata)): path.read_bytes()
        for path in sorted(host.bwdata.rglob("*"))
        if path.is_file() and "mssql" not in path.parts
    }
    return {**found, "bitwarden.sh": (host.bwdata.parent / "bitwarden.sh").read_bytes()}
