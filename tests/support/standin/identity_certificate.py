# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``identity.pfx``: Identity does not start without it, or with another password than that of the settings."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import pkcs12

from .settings_binding import FatalSetting

_UNHANDLED = "Unhandled exception. System."


def require(file: Path, password: str) -> None:
    """Open the file. Raises `FatalSetting` as the real server ends."""
    if not (password and file.exists()):
        raise FatalSetting([f"{_UNHANDLED}Exception: No identity certificate to use."])
    try:
        pkcs12.load_pkcs12(file.read_bytes(), password.encode())
    except ValueError as error:
        text = "The certificate data cannot be read with the provided password, the password may be incorrect."
        raise FatalSetting([f"{_UNHANDLED}Security.Cryptography.CryptographicException: {text}"]) from error
