# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The key ring: ``core/aspnet-dataprotection``, one file a key; what it protected cannot be read without its key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import uuid
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import List, Tuple

PREFIX = "P|"
_MAGIC = bytes.fromhex("09F0C9F0")
_NONCE = 16
_SUM = 32
_LIFETIME = timedelta(days=90)
_DESCRIPTOR = (
    "Microsoft.AspNetCore.DataProtection.AuthenticatedEncryption.ConfigurationModel."
    "AuthenticatedEncryptorDescriptorDeserializer, Microsoft.AspNetCore.DataProtection, Version=8.0.0.0, "
    "Culture=neutral, PublicKeyToken=adb9793829ddae60"
)
_FILE = """<?xml version="1.0" encoding="utf-8"?>
<key id="{id}" version="1">
  <creationDate>{created}</creationDate>
  <activationDate>{created}</activationDate>
  <expirationDate>{expires}</expirationDate>
  <descriptor deserializerType="{descriptor}">
    <descriptor>
      <encryption algorithm="AES_256_CBC" />
      <validation algorithm="HMACSHA256" />
      <masterKey p4:requiresEncryption="true" xmlns:p4="http://schemas.asp.net/2015/03/dataProtection">
        <!-- Warning: the key below is in an unencrypted form. -->
        <value>{value}</value>
      </masterKey>
    </descriptor>
  </descriptor>
</key>"""
_CREATED = re.compile(r"<creationDate>([^<]+)</creationDate>")
_VALUE = re.compile(r"<value>([^<]+)</value>")


class CannotUnprotect(Exception):
    """A protected value cannot be read; the text is that of .NET's CryptographicException."""


def protect(folder: Path, text: str) -> str:
    """Encrypt the text with the newest key; a ring that is empty gets its first one."""
    identifier, key = _newest(folder) or _new(folder)
    nonce, plain = secrets.token_bytes(_NONCE), text.encode()
    sealed = nonce + _mixed(key, nonce, plain)
    payload = _MAGIC + identifier.bytes_le + sealed + hmac.new(key, sealed, hashlib.sha256).digest()
    return PREFIX + base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def unprotect(folder: Path, value: str) -> str:
    """Return what `protect` was given. Raises `CannotUnprotect`."""
    encoded = value[len(PREFIX) :]
    payload = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
    start = len(_MAGIC) + 16
    identifier = uuid.UUID(bytes_le=payload[len(_MAGIC) : start])
    try:
        key = _key(folder / f"key-{identifier}.xml")
    except (OSError, ValueError) as error:
        text = (
            f"The key {{{identifier}}} was not found in the key ring. For more information go to "
            "https://aka.ms/aspnet/dataprotectionwarning"
        )
        raise CannotUnprotect(text) from error
    sealed, checksum = payload[start:-_SUM], payload[-_SUM:]
    if not hmac.compare_digest(hmac.new(key, sealed, hashlib.sha256).digest(), checksum):
        raise CannotUnprotect(
            "The payload was invalid. For more information go to https://aka.ms/aspnet/dataprotectionwarning"
        )
    return _mixed(key, sealed[:_NONCE], sealed[_NONCE:]).decode()


def _new(folder: Path) -> Tuple[uuid.UUID, bytes]:
    identifier, key, now = uuid.uuid4(), secrets.token_bytes(64), datetime.now(timezone.utc)
    folder.mkdir(parents=True, exist_ok=True)
    text = _FILE.format(
        id=identifier,
        created=now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        expires=(now + _LIFETIME).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        descriptor=_DESCRIPTOR,
        value=base64.b64encode(key).decode(),
    )
    beside = folder / f".{identifier}.new"
    beside.write_text(text, encoding="utf-8")
    beside.replace(folder / f"key-{identifier}.xml")
    return identifier, key


def _newest(folder: Path) -> Tuple[uuid.UUID, bytes] | None:
    found: List[Tuple[str, Path]] = []
    for path in folder.glob("key-*.xml"):
        created = _CREATED.search(path.read_text(encoding="utf-8"))
        found += [(created[1], path)] if created else []
    if not found:
        return None
    path = max(found)[1]
    return uuid.UUID(path.stem[len("key-") :]), _key(path)


def _key(path: Path) -> bytes:
    found = _VALUE.search(path.read_text(encoding="utf-8"))
    if not found:
        raise ValueError(f"{path}: no key")
    return base64.b64decode(found[1])


def _mixed(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = b""
    while len(stream) < len(data):
        stream += hmac.new(key, nonce + len(stream).to_bytes(8, "big"), hashlib.sha256).digest()
    return bytes(one ^ other for one, other in zip(data, stream))
