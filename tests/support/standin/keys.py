# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""RSA keys of access tokens and licenses. As a program: prints a new pair for the licenses of a seed."""

from __future__ import annotations

import functools
import json
from typing import Dict, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key


def new() -> str:
    """Return a new private key, PEM."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def pair() -> Dict[str, str]:
    """Return the two fields of a seed."""
    pem = new()
    public_pem = (
        private(pem)
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return {"license_signing_key": pem, "license_public_key": public_pem.decode()}


@functools.lru_cache(maxsize=None)
def private(pem: str) -> RSAPrivateKey:
    """Return the private key of a PEM text, its numbers unchecked: that would take longer than all the rest."""
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    return cast(RSAPrivateKey, key)


@functools.lru_cache(maxsize=None)
def public(pem: str) -> RSAPublicKey:
    """Return the public key of a PEM text (or of a private key's)."""
    if "PRIVATE" in pem:
        return private(pem).public_key()
    return cast(RSAPublicKey, serialization.load_pem_public_key(pem.encode()))


if __name__ == "__main__":
    print(json.dumps(pair()))
