# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The master password's hash: what the cloud is shown instead of the password itself."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Mapping, NamedTuple, Optional

from .._api.argspec import is_text
from .._api.errors import LOGIN, REQUEST, ApiError

PBKDF2 = 0
ARGON2ID = 1

_LENGTH = 32  # bytes of key and hash
_MIB = 1024  # KiB

# Outside of these Bitwarden's own clients do not go either: less makes a hash that is easily
# guessed from, more takes this machine's memory or time.
_PBKDF2_ITERATIONS = range(5_000, 2_000_001)
_ARGON2_ITERATIONS = range(2, 11)
_ARGON2_MEMORY = range(15, 1025)
_ARGON2_PARALLELISM = range(1, 17)


class Kdf(NamedTuple):
    """How a master password becomes a key. ``memory`` (MiB) and ``parallelism`` are only Argon2id's."""

    type: int
    iterations: int
    memory: Optional[int] = None
    parallelism: Optional[int] = None


def read_kdf(fields: Mapping[str, Any], *names: str) -> Optional[Kdf]:
    """Return the parameters in a response; ``names`` are those of type, iterations, memory and parallelism there.

    ``None`` where the response has none. Raises ``ApiError`` for unsafe ones.
    """
    kind, iterations, memory, parallelism = (fields.get(name) for name in names)
    if kind is None or iterations is None:
        return None
    kdf = Kdf(kind, iterations, memory, parallelism)
    _check(kdf)
    return kdf


def _check(kdf: Kdf) -> None:
    good = False
    if kdf.type == PBKDF2:
        good = _within(kdf.iterations, _PBKDF2_ITERATIONS)
    elif kdf.type == ARGON2ID:
        good = (
            _within(kdf.iterations, _ARGON2_ITERATIONS)
            and _within(kdf.memory, _ARGON2_MEMORY)
            and _within(kdf.parallelism, _ARGON2_PARALLELISM)
        )
    if not good:
        raise ApiError(
            LOGIN,
            f"The cloud asks for a hash of the master password that this collection does not make: {kdf}.",
            advice="Check option cloud; a newer version of this collection may know this kind of account.",
        )


def _within(value: object, allowed: range) -> bool:
    """Tell whether it is a whole number in the range; 600000.0 is in the range, too, but hashes nothing."""
    return isinstance(value, int) and value in allowed


def master_password_hash(password: str, salt: str, kdf: Kdf) -> str:
    """Return the hash (base64) of ``password``. ``salt`` is the account's, commonly its e-mail address.

    Source: Bitwarden's clients. Raises ``ApiError`` for a password that is not UTF-8 text, and where Argon2 is needed
    and its library missing.
    """
    if not is_text(password):
        raise ApiError(
            REQUEST,
            "master_password is not UTF-8 text.",
            advice="Check how it was copied, and how BW_CLOUD_PASSWORD in the controller's environment is encoded.",
        )
    secret, seasoning = password.encode("utf-8"), salt.strip().lower().encode("utf-8", "replace")
    if kdf.type == ARGON2ID:
        key = _argon2id(secret, hashlib.sha256(seasoning).digest(), kdf)
    else:
        key = hashlib.pbkdf2_hmac("sha256", secret, seasoning, kdf.iterations, _LENGTH)
    return base64.b64encode(hashlib.pbkdf2_hmac("sha256", key, secret, 1, _LENGTH)).decode("ascii")


def _argon2id(secret: bytes, salt: bytes, kdf: Kdf) -> bytes:
    try:
        from argon2.low_level import Type, hash_secret_raw  # noqa: PLC0415 (only accounts with Argon2id need it)
    except ImportError:
        raise ApiError(
            REQUEST,
            "The account's master password is hashed with Argon2id, and the Python library argon2-cffi is missing "
            "on the controller.",
            advice="Install it there (python3-argon2, or pip install argon2-cffi).",
        ) from None
    return hash_secret_raw(
        secret,
        salt,
        time_cost=kdf.iterations,
        memory_cost=(kdf.memory or 0) * _MIB,
        parallelism=kdf.parallelism or 1,
        hash_len=_LENGTH,
        type=Type.ID,
    )
