# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A ``ProxyCommand`` of SSH that keeps in a file how many bytes it has sent."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path


def main(folder: str, host: str, port: str) -> None:
    """Relay standard input and output to a port of a host, until both sides have ended."""
    count = os.open(Path(folder) / str(os.getpid()), os.O_WRONLY | os.O_CREAT)
    with socket.create_connection((host, int(port))) as connection:
        threading.Thread(target=_receive, args=(connection,), daemon=True).start()
        sent = 0
        while chunk := os.read(0, 65536):
            sent += len(chunk)
            # Before the other side can answer and end this process; never shorter, so there is no need to truncate.
            os.pwrite(count, str(sent).encode(), 0)
            connection.sendall(chunk)


def _receive(connection: socket.socket) -> None:
    while chunk := connection.recv(65536):
        while chunk:
            chunk = chunk[os.write(1, chunk) :]
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
