# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program: ``python3 -m standin.mssql``, first process of the mssql container (below tini)."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import socket
import socketserver
import sqlite3
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Dict, List, Optional

from . import statements
from .engine import SqlServerError, engine_of
from .errorlog import ErrorLog
from .instance import Instance
from .master import SYSTEM, Refused

_DAMAGED = "SQL Server detected a logical consistency-based I/O error: incorrect checksum."


class Session(socketserver.StreamRequestHandler):
    """One connection, in a thread of its own."""

    server: Server
    timeout = None
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self._database = "master"
        self._store: Optional[sqlite3.Connection] = None

    def handle(self) -> None:
        with suppress(OSError):
            if not self._login(self._receive() or {}):
                return
            while True:
                request = self._receive()
                if request is None:
                    return
                self._send(self._answer(request))

    def finish(self) -> None:
        if self._store is not None:
            self._store.close()
            self.server.instance.leave(self._database, self)
        super().finish()

    def kill(self) -> None:
        """End the session from outside."""
        with suppress(OSError, sqlite3.ProgrammingError):
            if self._store is not None:
                self._store.interrupt()
            self.connection.shutdown(socket.SHUT_RDWR)

    def _login(self, request: Dict[str, Any]) -> bool:
        login = request.get("login", {})
        user, self._database = str(login.get("user")), str(login.get("database") or "master")
        instance = self.server.instance
        if not instance.master.accepts(user, str(login.get("password"))):
            text = f"Login failed for user '{user}'."
            client = self.client_address[0]
            reason = f"{text} Reason: Password did not match that for the login provided. [CLIENT: {client}]"
            instance.log.error(18456, 14, 8, reason, "Logon")
            self._send({"error": _described(SqlServerError(18456, 14, 1, text))})
            return False
        if self._database.lower() not in SYSTEM:
            try:
                self._store = instance.open(self._database, self)
            except SqlServerError as error:
                instance.log.error(error.number, error.level, error.state, error.text, "Logon")
                text = f'Cannot open database "{self._database}" requested by the login. The login failed.'
                self._send({"error": _described(SqlServerError(4060, 11, 1, text))})
                return False
        self._send({"server": platform.node()})
        return True

    def _answer(self, request: Dict[str, Any]) -> Dict[str, Any]:
        try:
            if "query" in request:
                return self._query(request["query"], request["arguments"])
            return {"output": statements.run(self.server.instance, request["batch"])}
        except sqlite3.Error as error:
            failed = SqlServerError(824, 24, 2, f"{_DAMAGED} ({error})")
        except SqlServerError as error:
            failed = error
        if "query" in request:
            return {"error": _described(failed)}
        return {"output": [{"error": _described(one)} for one in (failed, *failed.more)]}

    def _query(self, query: str, arguments: List[Any]) -> Dict[str, Any]:
        if self._store is None:
            raise SqlServerError(208, 16, 1, "Invalid object name 'dbo.documents'.")
        cursor = self._store.execute(query, arguments)
        return {"rows": cursor.fetchall(), "rowcount": cursor.rowcount, "lastrowid": cursor.lastrowid}

    def _receive(self) -> Optional[Dict[str, Any]]:
        line = self.rfile.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def _send(self, answer: Dict[str, Any]) -> None:
        self.wfile.write(json.dumps(answer).encode() + b"\n")


class Server(socketserver.ThreadingTCPServer):
    """Listens for clients of ``instance``."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], instance: Instance) -> None:
        super().__init__(address, Session)
        self.instance = instance


def main(arguments: Optional[List[str]] = None) -> int:
    """Serve until SIGTERM; status 1 where the files or the environment do not allow a start."""
    parser = argparse.ArgumentParser(prog="sqlservr")
    parser.add_argument("--data", type=Path, default=Path("/var/opt/mssql/data"))
    parser.add_argument("--log", type=Path, default=Path("/var/opt/mssql/log"))
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--port", type=int, default=1433)
    options = parser.parse_args(arguments)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    log = ErrorLog(options.log)
    engine = engine_of(os.environ.get("STANDIN_VERSION", ""))
    log.write(f"Microsoft SQL Server {engine.year} (RTM) - {engine.number} (X64)")
    password = os.environ.get("SA_PASSWORD") or os.environ.get("MSSQL_SA_PASSWORD") or ""
    if not password and not (options.data / "master.mdf").exists():
        log.write("ERROR: Unable to set system administrator password: it is not set.")
        return 1
    try:
        instance = Instance(engine, options.data, password, log)
    except Refused:
        log.write("SQL Server shutdown has been initiated")
        return 1
    server = Server((options.host, options.port), instance)
    log.write(f"Server is listening on [ 'any' <ipv4> {server.server_address[1]}].", "spid19s")
    log.write("SQL Server is now ready for client connections. This is an informational message; no user action is "
              "required.", "spid19s")  # fmt: skip
    threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.pause()
    return 0


def _described(error: SqlServerError) -> Dict[str, Any]:
    return {"number": error.number, "level": error.level, "state": error.state, "text": error.text}


if __name__ == "__main__":
    sys.exit(main())
