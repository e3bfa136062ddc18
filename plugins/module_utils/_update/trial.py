# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The new mssql image, tried with an empty database in a throw-away folder while the old one is serving."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import time
from typing import Dict, List, Optional, Sequence
from urllib.parse import quote

from .._common.errors import BitwardenError
from .._common.masking import mask_text
from .._common.setting_names import SQL_CONNECTION_STRING
from .._database import statements
from .._database.inspection import migrations
from .._database.sqlcmd import DatabaseError, SqlServer
from .._deployment.deployment import Deployment
from .._deployment.health_wait import Clock, last_log_lines
from .._docker.containers import Container, checked
from .._env_files.quoting import write_line
from .health_check import why_it_fails
from .journal import UpdateJournal
from .setup_tool import SetupTool

_NAME = "bitwarden-update-mssql"
_DATA = "trial"
_DATABASE = "vault"
_ASK_TIMEOUT = 30.0
_REMOVE_TIMEOUT = 120.0
# How long its health check may fail once the database answers.
_HEALTH_TIMEOUT = 60.0
_PAUSE = 1.0
_LOG_LINES = 60


class TrialError(BitwardenError):
    """The new image does not work on this host, or its release cannot migrate a database. The message is masked."""


class Trial:
    """One trial of ``image``; its container and files are removed at the end of a ``with`` block."""

    def __init__(
        self,
        deployment: Deployment,
        journal: UpdateJournal,
        image: str,
        timeout: float,
        own_check: Optional[Sequence[str]] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        """``own_check`` is the health check that the Compose files set in place of that of the image."""
        self._own_check = own_check
        self._deployment = deployment
        self._engine = deployment.engine
        self._image = image
        self._timeout = timeout
        self._clock = clock or Clock(time.time, time.sleep)
        self._folder = os.path.join(journal.folder, _DATA)
        self._password = f"Aa1-{secrets.token_hex(16)}"

    def __enter__(self) -> Trial:
        remove_trial(self._deployment)
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(BitwardenError, OSError):
            remove_trial(self._deployment)
        shutil.rmtree(self._folder, ignore_errors=True)

    def migrations(self, tool: SetupTool) -> List[str]:
        """Return the names of all migration scripts of the release, run on an empty database.

        Raises ``TrialError``.
        """
        container = self._start()
        server = SqlServer(self._engine, container, [self._password], _ASK_TIMEOUT)
        self._wait(container, server)
        self._write_settings()
        tool.migrate(os.path.join(self._folder, "settings"), container.id)
        try:
            found = migrations(server, _DATABASE)
        except DatabaseError as error:
            raise TrialError(f"The setup tool made no database in a new SQL Server: {error}") from None
        if not found:
            raise TrialError("The setup tool ran no migration in an empty database.")
        return found

    def _start(self) -> Container:
        data = os.path.join(self._folder, "data")
        account = self._deployment.account
        for folder in (self._folder, data):
            os.makedirs(folder, 0o700, exist_ok=True)
            if os.geteuid() == 0:
                os.chown(folder, account.uid, account.gid)
        users = self._deployment.env_files().get(os.path.join(self._deployment.bwdata, "env", "uid.env"))
        environment: Dict[str, str] = dict(users.values()) if users else {}
        environment.update(ACCEPT_EULA="Y", MSSQL_PID="Express", BACKUP_DB="0", SA_PASSWORD=self._password)
        body = {
            "Image": self._image,
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "HostConfig": {"Binds": [f"{data}:/var/opt/mssql/data"], "NetworkMode": "none"},
        }
        client = self._engine.client
        created = checked(client.request("POST", f"/containers/create?name={_NAME}", _REMOVE_TIMEOUT, body)).body
        path = f"/containers/{created['Id']}"
        checked(client.request("POST", f"{path}/start", _REMOVE_TIMEOUT))
        return Container.from_inspect(checked(client.request("GET", f"{path}/json", _ASK_TIMEOUT)).body)

    def _wait(self, container: Container, server: SqlServer) -> None:
        deadline, healthy_until = self._clock.now() + self._timeout, 0.0
        while True:
            path = f"/containers/{container.id}/json"
            state = checked(self._engine.client.request("GET", path, _ASK_TIMEOUT)).body["State"]
            if state["Status"] != "running":
                raise TrialError(self._failed(container, f"ended with status {state.get('ExitCode')}"))
            try:
                server.value(statements.ENGINE_VERSION)
            except BitwardenError as error:
                seen = f"did not answer in time ({error})"
            else:
                if self._own_check:
                    self._require_own_check(container, self._own_check)
                    return
                if not container.health_check or self._engine.ask([container], _ASK_TIMEOUT)[container.id]:
                    return
                # It asks no more than was just answered. In the downtime it would be waited for as well.
                healthy_until = healthy_until or self._clock.now() + _HEALTH_TIMEOUT
                seen = "answered, but did not pass its health check"
            if self._clock.now() >= min(deadline, healthy_until or deadline):
                raise TrialError(self._failed(container, seen))
            self._clock.sleep(_PAUSE)

    def _require_own_check(self, container: Container, check: Sequence[str]) -> None:
        why = why_it_fails(self._deployment, container, check)
        if why:
            raise TrialError(
                f"{self._image} was tried on this host and {why}. It would be waited for in vain while the server is "
                "down. Correct the health check in docker-compose.override.yml."
            )

    def _failed(self, container: Container, seen: str) -> str:
        lines = last_log_lines(mask_text(self._engine.last_lines(container, _LOG_LINES), [self._password]))
        logged = f" Its last log lines: {lines.rstrip('.')}." if lines else ""
        return (
            f"{self._image} was tried with an empty database on this host and {seen}.{logged} The server would be "
            "without its database. To update without this trial, set try_database to false."
        )

    def _write_settings(self) -> None:
        """Write the settings by which the setup tool finds the database; it works in the network of its container."""
        folder = os.path.join(self._folder, "settings", "env")
        os.makedirs(folder, 0o700)
        string = (
            f"Data Source=tcp:127.0.0.1,1433;Initial Catalog={_DATABASE};Persist Security Info=False;User ID=sa;"
            f"Password={self._password};MultipleActiveResultSets=False;Connect Timeout=30;Encrypt=True;"
            "TrustServerCertificate=True"
        )
        text = write_line(SQL_CONNECTION_STRING, string) + "\n"
        real = os.path.join(self._deployment.bwdata, "env", "uid.env")
        with open(real, "rb") as stream:
            users = stream.read()
        for name, content in (("global.override.env", text.encode()), ("uid.env", users)):
            path = os.path.join(folder, name)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
                output.write(content)
        account = self._deployment.account
        if os.geteuid() == 0:
            for directory, _folders, names in os.walk(os.path.dirname(folder)):
                for path in (directory, *(os.path.join(directory, one) for one in names)):
                    os.chown(path, account.uid, account.gid)


def remove_trial(deployment: Deployment) -> None:
    """Remove the container of a trial, if there is one. Raises ``EngineError``."""
    path = f"/containers/{quote(_NAME)}?force=true&v=true"
    response = deployment.engine.client.request("DELETE", path, _REMOVE_TIMEOUT)
    if response.status != 404:
        checked(response)
