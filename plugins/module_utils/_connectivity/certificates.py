# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a certificate says of itself, without trusting it: the standard library shows nothing of an untrusted one."""

from __future__ import annotations

import calendar
import time
from typing import Dict, List, NamedTuple, Optional, Tuple

_SEQUENCE, _SET, _VERSION, _UTC_TIME = 0x30, 0x31, 0xA0, 0x17
_ATTRIBUTES: Dict[bytes, str] = {b"\x55\x04\x03": "CN", b"\x55\x04\x0a": "O", b"\x55\x04\x0b": "OU"}


class Certificate(NamedTuple):
    """``issuer`` and ``subject`` as ``CN=…, O=…``; the times in seconds since 1970."""

    issuer: str
    subject: str
    not_before: float
    not_after: float


def read_certificate(der: bytes) -> Optional[Certificate]:
    """Read a certificate in DER, ``None`` for what is none."""
    try:
        (_tag, certificate, _rest) = _take(der)
        members = _members(_take(certificate)[1])
        if members[0][0] == _VERSION:
            members = members[1:]
        # Serial number, signature algorithm, issuer, validity, subject.
        issuer, validity, subject = (content for _tag, content in members[2:5])
        begins, ends = _members(validity)
        return Certificate(_name(issuer), _name(subject), _time(*begins), _time(*ends))
    except (IndexError, ValueError):
        return None


def _take(data: bytes) -> Tuple[int, bytes, bytes]:
    """Tag and content of the first element, and what follows it."""
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    if start + length > len(data):
        raise ValueError("cut off")
    return tag, data[start : start + length], data[start + length :]


def _members(content: bytes) -> List[Tuple[int, bytes]]:
    found = []
    while content:
        tag, inner, content = _take(content)
        found.append((tag, inner))
    return found


def _name(content: bytes) -> str:
    parts = []
    for _tag, group in _members(content):
        for _inner, pair in _members(group):
            (_kind, identifier), (_text, value) = _members(pair)
            if identifier in _ATTRIBUTES:
                parts.append(f"{_ATTRIBUTES[identifier]}={value.decode('utf-8', 'replace')}")
    # Somebody else's text: nothing of it may end the line.
    return " ".join(", ".join(parts).split())[:200] or "an issuer without a name"


def _time(tag: int, content: bytes) -> float:
    form = "%y%m%d%H%M%SZ" if tag == _UTC_TIME else "%Y%m%d%H%M%SZ"
    return float(calendar.timegm(time.strptime(content.decode("ascii"), form)))
