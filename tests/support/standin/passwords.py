# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The master password's hash, as clients compute it."""

from __future__ import annotations

import base64
import functools
import hashlib
from typing import Optional

from argon2.low_level import Type, hash_secret_raw

from .state import Document, State

PBKDF2, ARGON2ID = 0, 1


@functools.lru_cache(maxsize=64)
def master_password_hash(
    password: str,
    salt: str,
    iterations: int,
    kind: int = PBKDF2,
    memory: Optional[int] = None,
    parallelism: Optional[int] = None,
) -> str:
    """Return the hash of an account; ``memory`` (MiB) and ``parallelism`` are Argon2id's."""
    seasoning = salt.strip().lower().encode()
    if kind == ARGON2ID:
        assert memory and parallelism, "Argon2id needs memory and parallelism"
        key = hash_secret_raw(
            password.encode(), hashlib.sha256(seasoning).digest(), iterations, memory * 1024, parallelism, 32, Type.ID
        )
    else:
        key = hashlib.pbkdf2_hmac("sha256", password.encode(), seasoning, iterations, 32)
    return base64.b64encode(hashlib.pbkdf2_hmac("sha256", key, password.encode(), 1, 32)).decode()


def has_one(user: Document) -> bool:
    """Tell whether the user has a master password."""
    return user["master_password_hash"] is not None or user["password"] is not None


def hash_of(state: State, user: Document) -> Optional[str]:
    """Return the user's hash; computed from the seed's password when first needed. None: no master password."""
    if user["master_password_hash"] is None and user["password"] is not None:
        kdf = user["kdf"]
        user["master_password_hash"] = master_password_hash(
            user["password"],
            user["salt"] or user["email"],
            kdf["iterations"],
            kdf["type"],
            kdf["memory"],
            kdf["parallelism"],
        )
        state.put("user", user["id"], user)
    result: Optional[str] = user["master_password_hash"]
    return result
