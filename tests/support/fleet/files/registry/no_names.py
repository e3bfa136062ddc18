# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name server for the names that are not the fleet's: there are none, and it says so at once.

Without it the engine would ask a name server that cannot be reached from the fleet's network, and every look-up of a
name that has gone would hang for seconds.

Containers on a host's default bridge, as the setup tool's, ask it for the names of the sites, too (``sites``, a name a
line): it asks the engine for them, which asks back here for what it does not know.
"""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Set, Tuple

_HEADER = 12
# Response, recursion desired and available, no such name; one question, nothing else.
_NO_SUCH_NAME = b"\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00"
_SITES = Path(__file__).resolve().parent / "sites"
_ENGINE = ("127.0.0.11", 53)


def answer(query: bytes) -> bytes:
    """Return the answer to a query: its id and question, and that there is no such name."""
    end = _HEADER
    while query[end]:
        end += query[end] + 1
    return query[:2] + _NO_SUCH_NAME + query[_HEADER : end + 5]


def name_in(query: bytes) -> str:
    """Return the name that is asked for."""
    labels, at = [], _HEADER
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode("ascii", "replace"))
        at += query[at] + 1
    return ".".join(labels).lower()


def pass_on(server: socket.socket, query: bytes, client: Tuple[str, int]) -> None:
    """Send the engine's answer; none if it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(2)
        try:
            asking.sendto(query, _ENGINE)
            server.sendto(asking.recv(4096), client)
        except OSError:
            return


def main() -> None:
    """Answer for ever; what is not a query is passed over."""
    sites: Set[str] = set(_SITES.read_text().split())
    own = {"127.0.0.1", socket.gethostbyname(socket.gethostname())}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 53))
        while True:
            query, client = server.recvfrom(4096)
            try:
                if client[0] not in own and name_in(query) in sites:
                    # Not here: the engine may ask back before it answers.
                    threading.Thread(target=pass_on, args=(server, query, client), daemon=True).start()
                else:
                    server.sendto(answer(query), client)
            except IndexError:
                continue


if __name__ == "__main__":
    main()
