# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""License files of organizations on the server's disk: whose they are, their dates, and their state."""

from __future__ import annotations

import json
import os
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from .._common.dates import format_date, normal_date
from .._common.setting_names import LICENSE_DIRECTORY
from .._env_files.document import EnvFile
from .document import LicenseDocument, parse_license_text
from .problems import LicenseError
from .token import token_claims, token_expiry

OK = "ok"
MISSING = "missing"
CORRUPT = "corrupt"
UNREADABLE = "unreadable"
CAMEL_CASE = "camel_case"

# Where bwdata/core is in the containers.
_CONTAINER_CORE = "/etc/bitwarden/core"


class License(NamedTuple):
    """The facts of one file. ``organization_id`` is the server's own, from the file's name; the other is the cloud's.

    Dates are UTC ISO 8601. ``problem`` says what the state means, empty when it is ok. ``name`` is the organization's
    name, for internal use.
    """

    organization_id: str
    state: str
    problem: str = ""
    path: str = ""
    cloud_organization_id: Optional[str] = None
    plan: Optional[str] = None
    expires: Optional[str] = None
    expires_without_grace: Optional[str] = None
    token_expires: Optional[str] = None
    name: Optional[str] = None
    issued: Optional[str] = None
    license_key_digest: Optional[str] = None
    fields: Mapping[str, Any] = MappingProxyType({})

    def report(self) -> Dict[str, Any]:
        """Return what results show."""
        shown = {**self._asdict(), "fields": dict(self.fields)}
        del shown["name"]
        return shown


class LicenseFolder:
    """The folder with the organizations' license files of one deployment."""

    def __init__(self, bwdata: str, service_user: Optional[int] = None, service_group: Optional[int] = None) -> None:
        """Take the ids that the services run as, if known (``LOCAL_UID``, ``LOCAL_GID``)."""
        self.path = os.path.join(bwdata, "core", "licenses", "organization")
        self.service_user = service_user
        self.service_group = service_group

    @classmethod
    def of(cls, bwdata: str, settings: EnvFile, users: Optional[EnvFile]) -> LicenseFolder:
        """Return the folder according to the settings; ``users`` is ``uid.env``."""

        def number(name: str) -> Optional[int]:
            value = users.get(name) if users else None
            return int(value) if value and value.isdigit() else None

        folder = cls(bwdata, number("LOCAL_UID"), number("LOCAL_GID"))
        configured = settings.get(LICENSE_DIRECTORY)
        if configured:
            if configured.startswith(_CONTAINER_CORE):
                configured = os.path.join(bwdata, "core", os.path.relpath(configured, _CONTAINER_CORE))
            folder.path = os.path.join(configured, "organization")
        return folder

    def all(self) -> List[License]:
        """Return every license file, by organization id."""
        try:
            names = os.listdir(self.path)
        except FileNotFoundError:
            return []
        return [self.one(name[: -len(".json")]) for name in sorted(names) if name.endswith(".json")]

    def one(self, organization_id: str) -> License:
        """Return the license of one organization, also if it has no file."""
        path = os.path.join(self.path, f"{organization_id}.json")
        try:
            with open(path, "rb") as stream:
                content = stream.read()
                status = os.fstat(stream.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return License(organization_id, MISSING, "This organization has no license file.", path)
        except OSError as error:
            return License(organization_id, UNREADABLE, f"It cannot be read here: {error.strerror}.", path)
        found = parse_license(content, organization_id, path)
        if not self._service_may_read(status):
            problem = "The server's services may not read it. Restart the server, which gives it to them."
            return found._replace(state=UNREADABLE, problem=problem)
        return found

    def _service_may_read(self, status: os.stat_result) -> bool:
        if self.service_user is None:
            return True
        if status.st_uid == self.service_user:
            return bool(status.st_mode & 0o400)
        if status.st_gid == self.service_group:
            return bool(status.st_mode & 0o040)
        return bool(status.st_mode & 0o004)


def parse_license(content: bytes, organization_id: str, path: str = "") -> License:
    """Parse a file as the server does: UTF-8 JSON, nothing after it, names only in PascalCase."""
    try:
        data = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return License(organization_id, CORRUPT, "It is not UTF-8 text.", path)
    except RecursionError:
        return License(organization_id, CORRUPT, "It is not a license.", path)
    except ValueError as error:
        problem = (
            "There is text after the license."
            if str(error).startswith("Extra data")
            else "It is not JSON, or was cut off."
        )
        return License(organization_id, CORRUPT, problem, path)
    if not isinstance(data, dict):
        return License(organization_id, CORRUPT, "It is not a license.", path)
    if "LicenseKey" not in data and "licenseKey" in data:
        problem = (
            "Its names are in camelCase, as the cloud's download has them. Upload the file instead of copying it here."
        )
        return License(organization_id, CAMEL_CASE, problem, path)
    if not _text(data.get("Id")):
        return License(organization_id, CORRUPT, "It is not a license.", path)
    try:
        document: Optional[LicenseDocument] = parse_license_text(content)
    except LicenseError:
        document = None  # the server may still read it
    return License(
        organization_id,
        OK,
        path=path,
        cloud_organization_id=_text(data["Id"]),
        plan=_text(data.get("Plan")),
        expires=normal_date(data.get("Expires")),
        expires_without_grace=normal_date(data.get("ExpirationWithoutGracePeriod")),
        token_expires=format_date(token_expiry(token_claims(data.get("Token")))),
        name=_text(data.get("Name")),
        issued=normal_date(data.get("Issued")),
        license_key_digest=document.key_digest if document else None,
        fields=document.shown() if document else {},
    )


def _text(value: object) -> Optional[str]:
    return value if isinstance(value, str) and value else None
