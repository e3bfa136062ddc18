# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The upload of a license: whether it is needed, whether it may be sent, and whether it has arrived."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from .._api.auth import Account
from .._api.connections import Connection
from .._api.errors import LICENSE, PERMISSION, SERVER, ApiError
from .._api.organizations import Organization, server_version
from .._api.session import read_after_loss
from .._api.subscription import (
    BROKEN,
    EXPIRY_WARNING,
    UNKNOWN,
    UNREADABLE,
    License,
    judge,
    judge_file,
    license_path,
    read_license,
)
from .._common.dates import parse_date
from .._common.diff import Difference
from .._licenses import file as license_file
from .._licenses import problems
from .._licenses.checks import KnownLicense, license_errors, license_warnings, rejection, version_error
from .._licenses.comparison import (
    API,
    ENFORCED,
    FILE,
    ServerLicense,
    compare,
    compare_token,
    is_older,
    is_shown,
    is_stored,
    shown_fields,
)
from .._licenses.document import LicenseDocument, parse_license_text
from .._licenses.problems import LicenseError, Problem
from .host_reading import NOT_ALLOWED, Inspect, NotOnHost, OnHost
from .sync_due import token_warnings

_LOOKS = (0.0, 2.0)  # seconds before each look: a gateway may give up before the server is done
_FILE_BROKEN = (license_file.MISSING, license_file.CORRUPT, license_file.CAMEL_CASE)


def parse_content(content: bytes) -> LicenseDocument:
    """Parse the license to upload. Raises ``ApiError`` with a cause."""
    try:
        return parse_license_text(content)
    except LicenseError as error:
        raise RejectedLicense(error.problem) from None


def as_rejection(error: ApiError) -> ApiError:
    """Return the error with the cause ``not_owner`` where the account lacks permission, otherwise as it is."""
    lacks_permission = error.layer == PERMISSION and (error.status is None or error.text)
    if lacks_permission and not isinstance(error, RejectedLicense):
        return RejectedLicense(Problem("not_owner", error.message, error.advice), layer=PERMISSION)
    return error


def _secrets(license_: LicenseDocument) -> List[str]:
    return [str(license_.fields[name]) for name in ("LicenseKey", "Signature", "Token") if license_.fields.get(name)]


class RejectedLicense(ApiError):
    """A license that is not sent, or that the server rejected."""

    def __init__(
        self,
        problem: Problem,
        status: Optional[int] = None,
        text: str = "",
        more: str = "",
        layer: str = LICENSE,
    ) -> None:
        super().__init__(layer, problem.message + more, status, problem.advice, text=text)
        self.cause = problem.cause

    def result(self) -> Dict[str, Any]:
        """Return the failed task's keys, with ``cause``."""
        return {**super().result(), "cause": self.cause}


class UploadPlan(NamedTuple):
    """Whether an upload is ``needed``, why (not), and what it changes. ``before`` and ``after``: facts of the license.

    ``compared``: by what the server's license is known, its ``file`` or the ``api``.
    """

    needed: bool
    reason: str
    difference: Difference
    compared: str
    before: Optional[Dict[str, Any]]
    after: Dict[str, Any]

    def facts(self, check_mode: bool) -> Dict[str, Any]:
        """Return whether it was uploaded, why (not), compared with what, and the license before and after."""
        return {
            "uploaded": self.needed and not check_mode,
            "reason": self.reason,
            "compared": self.compared,
            "before": self.before,
            "after": self.after,
        }


class LicenseUpload:
    """The upload of one license for one organization. ``current``: the organization's license as the server reads it.

    ``connection`` reads the organization's connection; it is asked only where nothing else tells whose license it was.
    """

    def __init__(
        self,
        account: Account,
        organization: Organization,
        document: LicenseDocument,
        current: License,
        connection: Callable[[], Optional[Connection]],
        force: bool = False,
    ) -> None:
        self.account = account
        self.organization = organization
        self.license = document
        self.current = current
        self.connection = connection
        self.force = force
        self.expiry_warning = EXPIRY_WARNING
        self.warnings: List[str] = []
        account.client.secrets.update(_secrets(document))

    def plan(self, inspected: Union[OnHost, NotOnHost]) -> UploadPlan:
        """Check the license and compare it with the server's. Raises ``ApiError`` for one that must not be sent."""
        now = self.account.client.server_time()
        present = self._present(inspected)
        for problem in license_errors(self.license, present.installation_id, now):
            raise RejectedLicense(problem, more=" It was not sent.")
        for problem in license_warnings(self.license, self.organization, present.known, now):
            if not self.force:
                raise RejectedLicense(problem, more=" It was not sent.")
            self.warnings.append(f"{problem.message} It was sent because of force.")
        found, reason, needed = self._decide(present)
        too_new = version_error(self.license, server_version(self.account)) if needed else None
        if too_new:
            raise RejectedLicense(too_new, more=" It was not sent.")
        after = self.license.token_expires if needed else present.token_expires
        self.warnings.extend(token_warnings(after, now, self.expiry_warning))
        return UploadPlan(
            needed=needed,
            reason=reason,
            difference=found,
            compared=present.compared,
            before=None if present.broken else present.facts(),
            after=self.license.facts() if needed else present.facts(),
        )

    def judged(self, now: datetime) -> License:
        """Return the license that is to be uploaded, as the server would read it."""
        expires, without_grace = self.license.date("Expires"), self.license.date("ExpirationWithoutGracePeriod")
        return judge(expires, without_grace, now, self.expiry_warning)

    def apply(self, content: bytes, plan: UploadPlan, inspect: Inspect) -> License:
        """Upload it and see that the server has it; return the license as the server reads it. Raises ``ApiError``."""
        path = f"/organizations/licenses/self-hosted/{self.organization.id}"
        try:
            self.account.call("POST", path, "upload the license", files={"license": ("license.json", content)})
        except ApiError as error:
            if not error.unknown_outcome:
                raise self._explained(error) from None
            if not any(self._arrived(plan.compared, inspect, error, pause) for pause in _LOOKS):
                error.message += " The server may have accepted the license all the same, but does not show it."
                raise
        try:
            return self._seen(inspect)
        except ApiError as error:
            error.details["changed"] = True  # it was accepted
            raise

    def _seen(self, inspect: Inspect) -> License:
        """Return the license as the server reads it after an upload that it accepted. Raises ``ApiError``."""
        current = read_license(self.account, self.organization, self.expiry_warning)
        if is_shown(self.license, current, ENFORCED):
            return current
        if current.response:
            raise ApiError(
                SERVER,
                "The server accepted the license, but does not show it.",
                advice="The reason may be in the log of the server's api container.",
            )
        inspected = inspect(self.organization.id)
        if isinstance(inspected, OnHost) and is_stored(self.license, inspected.file):
            current = judge_file(current, inspected.file, self.account.client.server_time(), self.expiry_warning)
            self.warnings.append(current.text)
            return current
        raise ApiError(
            SERVER,
            f"The server accepted the license, but does not show it: {current.message}",
            advice=current.advice,
        )

    def _present(self, inspected: Union[OnHost, NotOnHost]) -> ServerLicense:
        license_ = self.current
        shown = shown_fields(self.license, license_)
        if license_.state == UNREADABLE:
            raise RejectedLicense(problems.NOT_READABLE.found(path=license_path(self.organization)))
        if isinstance(inspected, OnHost):
            present = self._by_file(inspected, license_, shown)
            if isinstance(present, ServerLicense):
                return present
            inspected = present
        if inspected is not NOT_ALLOWED:
            self.warnings.append(
                "The license was compared with what the server's API shows, without installation and license key: "
                + inspected.reason
            )
        unread = license_.state == UNKNOWN and not license_.response
        broken = license_.state if unread or license_.state in BROKEN else ""
        return ServerLicense(API, broken, shown, shown, known=self._known_by_connection())

    def _by_file(
        self, inspected: OnHost, license_: License, shown: Mapping[str, Any]
    ) -> Union[ServerLicense, NotOnHost]:
        """Read the license by its file. What the server itself says of it takes precedence: it may use another file."""
        file = inspected.file
        state = file.get("state")
        installation = inspected.installation_id
        if state in _FILE_BROKEN and shown and license_.state != UNKNOWN:
            return NotOnHost(f"the server has a good license, but not in {file.get('path')} ({state}).")
        if state in _FILE_BROKEN or license_.state in BROKEN:
            broken = str(state) if state in _FILE_BROKEN else license_.state
            return ServerLicense(FILE, broken, {}, {}, known=self._known_by_connection(), installation_id=installation)
        if not file.get("fields"):
            return NotOnHost(str(file.get("problem") or "The file could not be understood."))
        if license_.state == UNKNOWN and not license_.response:
            judged = judge_file(license_, file, self.account.client.server_time())
            self.warnings.append(judged.text)
        known = KnownLicense(file.get("cloud_organization_id"), file.get("license_key_digest"))
        issued, expires = parse_date(file.get("issued")), parse_date(file.get("token_expires"))
        return ServerLicense(FILE, "", file["fields"], shown, issued, expires, known, installation)

    def _known_by_connection(self) -> KnownLicense:
        """Return whose license it was, as the connection to the cloud has it."""
        connection = self.connection()
        identifier = connection.cloud_organization_id if connection else None
        return KnownLicense(str(identifier) if identifier and not _is_zero(str(identifier)) else None)

    def _decide(self, present: ServerLicense) -> Tuple[Difference, str, bool]:
        """Return what differs, why it is uploaded (or not), and whether it is."""
        if present.broken:
            found = Difference()
            found.compare("license", present.broken, f"issued {self.license.fields.get('Issued')}")
            return found, present.broken, True
        found = compare(self.license, present, self.organization.enabled)
        if not found:
            found = compare_token(self.license, present)
            return found, "token" if found else "equal", bool(found)
        if is_older(self.license, present) and not self.force:
            self.warnings.append(
                "The license was not uploaded: it differs from the server's, but the server's is newer. Set force to "
                "upload it all the same."
            )
            return found, "older", False
        return found, "differs", True

    def _arrived(self, compared: str, inspect: Inspect, lost: ApiError, pause: float) -> bool:
        """Tell whether a license whose upload was not answered is there. What cannot be inspected has not arrived.

        Raises ``lost`` where the server cannot be asked.
        """
        time.sleep(pause)
        if compared == API:
            current = read_after_loss(lambda: read_license(self.account, self.organization), lost, _UNSURE)
            return is_shown(self.license, current)
        inspected = inspect(self.organization.id)
        return isinstance(inspected, OnHost) and is_stored(self.license, inspected.file)

    def _explained(self, error: ApiError) -> ApiError:
        problem = rejection(error)
        return error if problem is None else RejectedLicense(problem, error.status, error.text)


_UNSURE = "The server may have accepted the license all the same."


def _is_zero(identifier: str) -> bool:
    return not identifier.strip("0-")
