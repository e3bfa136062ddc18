# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The server while it is restored: stopped, with only its database, and as a whole; what it then proves."""

from __future__ import annotations

import contextlib
import os
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence
from urllib.parse import quote

from .._common.errors import EXPECTED
from .._common.masking import mask_text
from .._common.setting_names import IDENTITY_CERTIFICATE_PASSWORD
from .._compose.composition import Composition
from .._database import statements
from .._database.inspection import DatabaseFacts, engine_version, migrations, read_facts, running_server
from .._database.sqlcmd import DatabaseError, SqlServer
from .._deployment.apply import apply
from .._deployment.deployment import Deployment
from .._deployment.drift import NGINX, Stack
from .._deployment.facts import license_folder, override_settings
from .._deployment.health_wait import Clock
from .._deployment.plan import Request, plan
from .._docker.host import EngineError
from .._docker.images import pull_images
from .._docker.inventory import EngineInventory
from .._docker.running import running_container
from .._licenses.file import MISSING, License
from .database_start import DatabaseStart, ServerError

#: Below bwdata: where SQL Server reads backups from.
BACKUPS = "mssql/backups"

_ASK_TIMEOUT = 30.0
_OPENSSL_TIMEOUT = 30.0
_LOG_LINES = 2000
#: In the log of a service these say that it cannot work with what was restored.
TELLING = ("not found in the key ring", "Migration failed", "An error occurred while reading the key ring")
_ASKED = ("api", "identity", "admin", "sso")
_ASK_VERSION = (
    "wget -q -O - http://localhost:5000/config 2>/dev/null || curl -fsS http://localhost:5000/config 2>/dev/null"
)


class Certificate(NamedTuple):
    """Whether ``identity.pfx`` opens with its password; ``opens`` is None where nothing here can tell."""

    opens: Optional[bool]
    detail: str


class Server:
    """The server in ``bwdata`` between two restarts. Its files change meanwhile, so nothing of them is remembered."""

    def __init__(
        self,
        bwdata: str,
        script: Optional[str],
        environ: Mapping[str, str],
        timeout: float,
        database_timeout: float,
        pull: bool,
        lock: Optional[int] = None,
        clock: Optional[Clock] = None,
    ) -> None:
        """``timeout`` in seconds is for each step but statements to the database, which have one of their own.

        ``lock`` is inherited by what is started; ``pull`` as in plans.
        """
        self.bwdata = bwdata
        self._script = script
        self._environ = environ
        self._timeout = timeout
        self._database_timeout = database_timeout
        self._pull = pull
        self._lock = lock
        self.clock = clock or Clock()
        self._begun = 0.0

    def deployment(self) -> Deployment:
        """Return the deployment as its files are now."""
        found = Deployment(self.bwdata, self._script, self._environ, self._timeout)
        found.commands.inherited = () if self._lock is None else (self._lock,)
        return found

    def stop(self) -> None:
        """Stop the server and remove its containers, also where Compose cannot read the project any more.

        Raises ``ServerError`` and ``EngineError``.
        """
        deployment = self.deployment()
        if any(one.is_up for one in deployment.containers()):
            try:
                deployment.require_own_scope()
                if self._pull and deployment.script.exists():
                    deployment.script.run("stop")
                if deployment.containers():
                    deployment.project.down()
            except EXPECTED:
                pass  # they are removed one by one
        for container in deployment.containers():
            deployment.engine.remove(container, self._timeout)
        left = [one.service for one in deployment.containers() if one.is_up]
        if left:
            raise ServerError(f"Still running after the stop: {', '.join(left)}.")

    def remove(self, volumes: Sequence[str]) -> None:
        """Remove the containers of the server and these volumes, and its networks where Compose can.

        Raises as ``stop`` does.
        """
        self.stop()
        deployment = self.deployment()
        with contextlib.suppress(*EXPECTED):
            deployment.project.down()
        for volume in volumes:
            deployment.engine.client.request("DELETE", f"/volumes/{quote(volume)}", self._timeout)

    def pull(self, images: Sequence[str]) -> List[str]:
        """Pull the images that are not local; return them. Raises ``ImageError`` and ``EngineError``."""
        deployment = self.deployment()
        return pull_images(deployment.commands, EngineInventory(deployment.engine.client), images, self._timeout)

    def rebuild(self) -> None:
        """Have the setup tool generate its files again. Raises ``ServerError``."""
        deployment = self.deployment()
        result = deployment.script.run("rebuild")
        compose = os.path.join(self.bwdata, "docker", "docker-compose.yml")
        if result.rc != 0 or not os.path.isfile(compose):
            said = mask_text(result.told("bitwarden.sh rebuild"), deployment.secrets())
            raise ServerError(f"The setup tool could not generate its files again: {said}")

    def start_database(self) -> Stack:
        """Start only the database, and wait until it is healthy; return the stack as it is then.

        Raises ``ServerError`` and ``UnhealthyError``.
        """
        database = self.database()
        database.start()
        return database.wait()

    def database(self, composition: Optional[Composition] = None) -> DatabaseStart:
        """Return the start of the database, with the files as they are now. Raises ``ServerError``.

        ``composition`` is what Compose would make of them, where that is known.
        """
        return DatabaseStart(self.deployment(), composition, self._timeout, self.clock)

    def check_dump(self, dump: str, database: str) -> None:
        """Compare the header of a dump in ``mssql/backups`` with what is expected of it.

        Raises ``ServerError`` where it is another one, ``DatabaseError`` where SQL Server cannot be asked.
        """
        server = self._sql_server()
        rows = server.rows(statements.header(_inside(dump)))
        header = rows[0] if rows else {}
        if header.get("DatabaseName") != database:
            raise ServerError(
                f"The dump in the set is of the database {header.get('DatabaseName')}, and its manifest says "
                f"{database}."
            )
        major, engine = header.get("SoftwareVersionMajor", ""), engine_version(server)
        if major.isdecimal() and int(major) > engine:
            raise ServerError(
                f"The dump in the set is of SQL Server with major version {major}, and the one here has {engine}, "
                "which cannot read it."
            )

    def restore_database(self, dump: str, database: str) -> None:
        """Replace the database by a dump in ``mssql/backups``. Raises ``DatabaseError``."""
        server = self._sql_server()
        # One whose restore was cut off cannot be set offline, and can be restored; what else is wrong that tells.
        with contextlib.suppress(DatabaseError):
            server.run(statements.set_offline(database))
        server.run(statements.restore(database, _inside(dump)))
        server.run(statements.set_online(database))

    def facts(self, database: str) -> DatabaseFacts:
        """Read what the database holds now. Raises ``DatabaseError``."""
        return read_facts(self._sql_server(), database)

    def migrations(self, database: str) -> List[str]:
        """Return the names of the migrations that were run on the database. Raises ``DatabaseError``."""
        return migrations(self._sql_server(), database)

    def start(self, begun: Optional[float] = None) -> List[Dict[str, object]]:
        """Start the server as module server does and wait until it is healthy; return its services.

        ``begun`` is when this run began to change containers, where it did before. Raises ``StateError`` and whatever
        a plan raises.
        """
        self._begun = self.clock.now()
        if begun is not None:
            self._start_containers()
        request = Request(wait_timeout=self._timeout, rollback=False, pull=self._pull)
        result = apply(plan(self.deployment(), request), self.clock, changed_at=begun).result()
        services: List[Dict[str, object]] = result["services"]
        return services

    def _start_containers(self) -> None:
        """Start the containers that exist, which are new; what is not started then is for Compose to tell."""
        deployment = self.deployment()
        left = [one for one in deployment.containers() if not one.is_up]
        with contextlib.suppress(EngineError):
            # nginx resolves the addresses of the others at its start.
            for is_last in (False, True):
                deployment.engine.begin_start(
                    [one for one in left if (one.service == NGINX) is is_last], self._timeout
                )()

    def version(self) -> Optional[str]:
        """Return the version by the images, without asking the services."""
        return self.deployment().inspect().version()

    def api_answer(self) -> str:
        """Return what the api answers for its configuration, empty where it does not. Raises ``EngineError``."""
        deployment = self.deployment()
        api = running_container(deployment.containers(), "api")
        if api is None:
            return ""
        return deployment.engine.execute(api.id, ["sh", "-c", _ASK_VERSION], _ASK_TIMEOUT).output

    def telling_lines(self) -> List[str]:
        """Return lines logged since the start that say that a service cannot use what was restored, masked."""
        deployment = self.deployment()
        secrets, found = deployment.secrets(), []
        for service in _ASKED:
            container = running_container(deployment.containers(), service)
            log = deployment.engine.log(container, self._begun, _LOG_LINES) if container else ""
            lines = [line.partition(" ")[2].strip() for line in log.splitlines() if any(one in line for one in TELLING)]
            found += [f"{service}: {mask_text(line, secrets)}" for line in lines[:1]]
        return found

    def licenses(self, organizations: List[str]) -> List[License]:
        """Return the license of each organization on the server's disk."""
        folder = license_folder(self.deployment())
        found = []
        for organization in organizations:
            # The database may write ids in capitals, and the names of the files are in small letters.
            one = folder.one(organization.lower())
            found.append(one if one.state != MISSING else folder.one(organization.upper()))
        return found

    def certificate(self) -> Certificate:
        """Tell whether the identity service can open its certificate. The password is only in a pipe."""
        deployment = self.deployment()
        path = os.path.join(self.bwdata, "identity", "identity.pfx")
        password = override_settings(deployment).get(IDENTITY_CERTIFICATE_PASSWORD)
        if not os.path.isfile(path):
            return Certificate(False, f"{path} does not exist")
        if password is None:
            return Certificate(False, f"{IDENTITY_CERTIFICATE_PASSWORD} is not set")
        openssl = deployment.commands.find("openssl")
        if openssl is None:
            return Certificate(None, "openssl is not installed here, so it was not opened")
        # Certificates of old versions are encrypted with what openssl 3 only reads when it is told to.
        for more in ([], ["-legacy"]):
            command = [openssl, "pkcs12", "-in", path, "-passin", "stdin", "-noout", *more]
            if deployment.commands.run(command, _OPENSSL_TIMEOUT, stdin=password + "\n").rc == 0:
                return Certificate(True, "opens with its password")
        return Certificate(False, f"{path} does not open with the password in the settings")

    def _sql_server(self) -> SqlServer:
        deployment = self.deployment()
        stack: Stack = deployment.inspect()
        return running_server(deployment, stack, self._database_timeout)


def _inside(dump: str) -> str:
    """Return the path of a dump as SQL Server sees it."""
    return f"{statements.BACKUPS}/{os.path.basename(dump)}"
