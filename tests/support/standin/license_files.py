# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""License files on the self-hosted server's disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import license_fields
from .context import Server
from .errors import Unhandled


def folder(instance: Server) -> Path:
    """Return where the license files of organizations are."""
    configured = instance.settings.text("globalSettings__licenseDirectory")
    return (Path(configured) if configured else instance.data / "licenses") / "organization"


def path(instance: Server, organization: str) -> Path:
    """Return the license file of a self-hosted organization."""
    return folder(instance) / f"{organization}.json"


def read(instance: Server, organization: str) -> Any:
    """Read the license on disk; None where the file is missing or holds ``null``.

    A file that is not JSON ends in a 500 (Unhandled); one that may not be read in a 401 (PermissionError).
    """
    try:
        data = path(instance, organization).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return license_fields.read(data, ignore_case=False)
    except ValueError as error:
        raise Unhandled("System.Text.Json.JsonException", "The JSON value could not be converted.") from error


def write(instance: Server, organization: str, license_: license_fields.License) -> None:
    """Write the file as the server does: in place."""
    file = path(instance, organization)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(license_fields.write(license_))
