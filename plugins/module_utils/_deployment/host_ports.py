# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which process of this host listens on a port, from /proc."""

from __future__ import annotations

import contextlib
import glob
import ipaddress
import os
import sys
from typing import Iterator, Tuple

from .._compose.composition import Port

_LISTENING = {"tcp": "0A", "udp": "07"}


def listening(port: Port, proc: str = "/proc") -> str:
    """Return who holds ``port``, as ``nginx (process 12)``; empty where it is free.

    Where this user may not see the process, ``another process``.
    """
    for address, inode in _sockets(port, proc):
        if not address or not port.address or port.address in ("0.0.0.0", "::", address):
            return _process(inode, proc)
    return ""


def _sockets(port: Port, proc: str) -> Iterator[Tuple[str, str]]:
    """Yield the address (empty: all) and the inode of each socket that is open for ``port.number``."""
    for family in ("", "6"):
        with contextlib.suppress(OSError), open(f"{proc}/net/{port.protocol}{family}", encoding="ascii") as stream:
            for line in list(stream)[1:]:
                fields = line.split()
                address, _colon, number = fields[1].partition(":")
                if int(number, 16) == port.number and fields[3] == _LISTENING.get(port.protocol):
                    yield _address(address), fields[9]


def _address(text: str) -> str:
    """Return an address of the kernel's table, where each four bytes are in the order of this machine."""
    data = bytes.fromhex(text)
    if sys.byteorder == "little":
        data = b"".join(data[start : start + 4][::-1] for start in range(0, len(data), 4))
    address = ipaddress.ip_address(data)
    mapped = getattr(address, "ipv4_mapped", None) or address
    return "" if mapped.is_unspecified else str(mapped)


def _process(inode: str, proc: str) -> str:
    for link in glob.iglob(f"{proc}/[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if os.readlink(link) == f"socket:[{inode}]":
                number = link[len(proc) + 1 :].partition("/")[0]
                with open(f"{proc}/{number}/comm", encoding="utf-8", errors="replace") as stream:
                    return f"{stream.read().strip()} (process {number})"
    return "another process"
