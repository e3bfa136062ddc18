# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Name server for the names that are not the fleet's: there are none, and it says so at once.

Without it the engine would ask a name server that cannot be reached from the fleet's network, and every look-up of a
name that has gone would hang for seconds.
"""

from __future__ import annotations

import socket

_HEADER = 12
# Response, recursion desired and available, no such name; one question, nothing else.
_NO_SUCH_NAME = b"\x81\x83\x00\x01\x00\x00\x00\x00\x00\x00"


def answer(query: bytes) -> bytes:
    """The answer to a query: its id and question, and that there is no such name."""
    end = _HEADER
    while query[end]:
        end += query[end] + 1
    return query[:2] + _NO_SUCH_NAME + query[_HEADER : end + 5]


def main() -> None:
    """Answer for ever; what is no query is passed over."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 53))
        while True:
            query, client = server.recvfrom(4096)
            try:
                server.sendto(answer(query), client)
            except IndexError:
                continue


if __name__ == "__main__":
    main()
