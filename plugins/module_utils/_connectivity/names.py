# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looking names up: as this host does, or by asking the name servers of a container in its network."""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
import struct
import threading
import time
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

# (name, deadline in time.monotonic()) → addresses, the preferred one first. Raises UnknownName.
Lookup = Callable[[str, float], List[str]]

_A, _AAAA = 1, 28
_NO_SUCH_NAME = 3
_TRIES = 2
_NDOTS = re.compile(r"ndots:[0-9]{1,3}\Z")


class UnknownName(Exception):
    """The name could not be looked up; the message says why. ``answered``: a name server said so."""

    def __init__(self, message: str, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


def is_address(name: str) -> bool:
    """Whether there is nothing to look up."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def look_up_here(name: str, deadline: float) -> List[str]:
    """As every program of this host does it. That knows no time limit, so it is left behind when the time is up."""
    outcome: List[object] = []

    def ask() -> None:
        try:
            outcome.append(socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            outcome.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(max(0.0, deadline - time.monotonic()))
    if not outcome:
        raise UnknownName("no name server answered in time")
    found = outcome[0]
    if isinstance(found, list):
        return list(dict.fromkeys(str(entry[4][0]) for entry in found))
    no_such_name = isinstance(found, socket.gaierror) and found.errno == socket.EAI_NONAME
    raise UnknownName(getattr(found, "strerror", None) or "it is no name of a host", no_such_name)


class Resolver(NamedTuple):
    """What a container has for looking names up: its hosts file and name servers."""

    hosts: Dict[str, List[str]]
    servers: List[str]
    search: List[str]
    ndots: int = 1

    @classmethod
    def parse(cls, hosts: str, resolv_conf: str) -> Resolver:
        """From the text of the two files."""
        known: Dict[str, List[str]] = {}
        for line in hosts.splitlines():
            address, *names = line.partition("#")[0].split() or [""]
            for name in names:
                known.setdefault(name.lower(), []).append(address)
        servers: List[str] = []
        search: List[str] = []
        ndots = 1
        for line in resolv_conf.splitlines():
            key, *values = line.split() or [""]
            if key == "nameserver":
                servers += [value for value in values[:1] if is_address(value)]
            elif key in ("search", "domain"):
                search = values
            elif key == "options":
                ndots = next((int(value[6:]) for value in values if _NDOTS.match(value)), ndots)
        return cls(known, servers or ["127.0.0.1"], search, ndots)

    def look_up(self, name: str, deadline: float) -> List[str]:
        """The addresses of ``name``, IPv4 first."""
        known = self.hosts.get(name.lower())
        if known:
            return known
        absolute = name.rstrip(".")
        # As musl, the C library of the images: a name with as many dots as "ndots" is asked for as it is.
        searched = self.search if name == absolute and name.count(".") < self.ndots else []
        last: Optional[UnknownName] = None
        for candidate in [*(f"{absolute}.{domain.strip('.')}" for domain in searched if domain != "."), absolute]:
            try:
                return self._ask_all(candidate, deadline)
            except UnknownName as error:
                last = error
                if not error.answered:
                    break
        raise last or UnknownName("it is no name of a host")

    def _ask_all(self, name: str, deadline: float) -> List[str]:
        problem = ""
        for number in range(_TRIES * len(self.servers)):
            server = self.servers[number % len(self.servers)]
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                return ask_server(server, name, left / (_TRIES * len(self.servers) - number))
            except UnknownName as error:
                if error.answered:
                    raise
                problem = str(error)
        raise UnknownName(problem or "no name server answered in time")


def ask_server(server: str, name: str, timeout: float, port: int = 53) -> List[str]:
    """Ask one name server for both kinds of addresses."""
    first = secrets.randbelow(0x10000)
    queries = {first: _A, first ^ 1: _AAAA}
    found: Dict[int, List[str]] = {}
    refusal, unknown = "", 0
    deadline = time.monotonic() + timeout
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect((server, port))
            for number, kind in queries.items():
                asking.send(_query(number, name, kind))
            waiting = set(queries)
            while waiting and deadline > time.monotonic():
                asking.settimeout(max(0.001, deadline - time.monotonic()))
                number, code, addresses = read_answer(asking.recv(4096))
                if number not in waiting:
                    continue
                waiting.remove(number)
                found[queries[number]] = addresses
                unknown += code == _NO_SUCH_NAME
                if code not in (0, _NO_SUCH_NAME):
                    refusal = f"name server {server} failed (code {code})"
        except socket.timeout:
            refusal = refusal or f"name server {server} did not answer in time"
        except OSError as error:
            refusal = refusal or f"name server {server} cannot be reached: {error.strerror or error}"
    addresses = [*found.get(_A, []), *found.get(_AAAA, [])]
    if addresses:
        return addresses
    if unknown or (found and not refusal):
        raise UnknownName(f"name server {server} knows no address of it", True)
    raise UnknownName(refusal or f"name server {server} did not answer in time")


def _query(number: int, name: str, kind: int) -> bytes:
    try:
        labels = [label.encode("idna") for label in name.split(".")]
    except UnicodeError:
        raise UnknownName("it is no name of a host") from None
    question = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + question + struct.pack(">HH", kind, 1)


def read_answer(data: bytes) -> Tuple[int, int, List[str]]:
    """Id, code and addresses of a name server's answer; one that is broken has code 1."""
    try:
        number, flags, questions, answers = struct.unpack(">HHHH", data[:8])
        place = 12
        for _count in range(questions):
            place = _skip_name(data, place) + 4
        addresses = []
        for _count in range(answers):
            place = _skip_name(data, place)
            kind, _class, _ttl, length = struct.unpack(">HHIH", data[place : place + 10])
            content = data[place + 10 : place + 10 + length]
            place += 10 + length
            if (kind, length) in ((_A, 4), (_AAAA, 16)):
                addresses.append(str(ipaddress.ip_address(content)))
        return number, flags & 0xF, addresses
    except (struct.error, IndexError, ValueError):
        return (int.from_bytes(data[:2], "big"), 1, [])


def _skip_name(data: bytes, place: int) -> int:
    while data[place]:
        if data[place] & 0xC0:
            return place + 2
        place += data[place] + 1
    return place + 1
