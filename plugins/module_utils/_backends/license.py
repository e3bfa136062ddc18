# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload a license where the server's own differs from it or is older (module license)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

from .._api.argspec import API_OPTIONS
from .._api.auth import Account
from .._api.connections import Connection, read_connection
from .._api.errors import LICENSE, PERMISSION, REQUEST, SERVER, ApiError
from .._api.organizations import Organization, find_organization
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.subscription import BROKEN, UNKNOWN, UNREADABLE, License, read_license
from .._common.dates import format_date, normal_date, parse_date
from .._common.diff import Difference
from .._licenses import file as license_file
from .._licenses.document import LicenseDocument, LicenseError, differences, member_text, parse_license_text
from .._licenses.objections import Known, Objection, dangers, refusals
from .._licenses.rejections import rejection
from .._sync_log.diagnosis import no_access

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    "src": {"type": "path"},
    "content": {"type": "raw", "no_log": True},
    "force": {"type": "bool", "default": False},
    "inspect": {"type": "bool", "default": True},
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
}

FILE, API = "file", "api"
# These the API shows too, but as the server's own: its storage, its idea of trials, its owner's setting; or by another
# name beside.
_NOT_OF_THE_LICENSE = (
    "MaxStorageGb", "Id", "Version", "Plan", "Trial", "AllowAdminAccessToAllCollectionItems",
    "ExpirationWithoutGracePeriod",
)  # fmt: skip
# What of a license the server keeps beside the file, and lives by.
_LIVED_BY = ("PlanType", "Seats")
_FILE_BROKEN = (license_file.MISSING, license_file.CORRUPT, license_file.CAMEL_CASE)
# A token is good for a year: one that is good for so much longer is worth an upload even if all else is equal.
_WORTH_LONGER = timedelta(days=30)


class OnHost(NamedTuple):
    """What module ``server_info`` says: the installation, and the organization's license file (one of ``licenses``)."""

    installation_id: Optional[str]
    file: Mapping[str, Any]


class NotOnHost(NamedTuple):
    """The host could not be looked at, for this reason."""

    reason: str


Inspect = Callable[[str], Union[OnHost, NotOnHost]]


def read_server_info(result: Mapping[str, Any]) -> Union[OnHost, NotOnHost]:
    """What a result of module ``server_info`` for one organization says."""
    licenses = result.get("licenses")
    if result.get("failed") or result.get("unreachable") or not licenses:
        return NotOnHost(no_access(str(result.get("msg") or "no access to the host")).reason)
    return OnHost(result.get("installation_id"), licenses[0])


def content_of(params: Mapping[str, Any], read: Callable[[str], bytes]) -> bytes:
    """The license to upload. ``read`` reads ``src``. Raises ``ApiError``."""
    src, content = params.get("src"), params.get("content")
    if bool(src) == bool(content):
        raise ApiError(REQUEST, "One of src and content is needed, and not both.")
    if src:
        return read(str(src))
    if isinstance(content, (Mapping, list)):
        return json.dumps(content).encode("utf-8")
    return content if isinstance(content, bytes) else str(content).encode("utf-8", "surrogatepass")


def perform(params: Mapping[str, Any], check_mode: bool, content: bytes, inspect: Inspect) -> Dict[str, Any]:
    """Check, compare, upload where it is needed, read back. Raises ``ApiError``, most of them with a cause."""
    license_ = parse_content(content)
    try:
        with connected(params) as account:
            organization = find_organization(account, params["organization"])
            inspected = inspect(organization.id)
            current = read_license(account, organization)
            upload = LicenseUpload(
                account,
                organization,
                license_,
                current,
                lambda: read_connection(account, organization),
                params["force"],
            )
            plan = upload.plan(inspected)
            if plan.needed and not check_mode:
                upload.apply(content, plan, inspect)
            return _result(organization, plan, upload.warnings, check_mode)
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return not_known(str(error), license_.facts())
        raise as_refusal(error) from None


def parse_content(content: bytes) -> LicenseDocument:
    """Parse the license to upload. Raises ``ApiError`` with a cause."""
    try:
        return parse_license_text(content)
    except LicenseError as error:
        raise _Refused(Objection(error.cause, error.message, error.advice)) from None


def as_refusal(error: ApiError) -> ApiError:
    """Return the error with the cause ``not_owner`` where the account lacks permission, otherwise as it is."""
    if error.layer == PERMISSION and not isinstance(error, _Refused):
        return _Refused(Objection("not_owner", error.message, error.advice), layer=PERMISSION)
    return error


def _result(organization: Organization, plan: UploadPlan, warnings: List[str], check_mode: bool) -> Dict[str, Any]:
    return {
        "changed": plan.needed,
        "uploaded": plan.needed and not check_mode,
        "reason": plan.reason,
        "compared": plan.compared,
        "organization": organization.named(),
        "changes": plan.difference.summary() if plan.needed else [],
        "license": {"before": plan.before, "after": plan.after},
        "warnings": warnings,
        **({"diff": plan.difference.diff(f"license of {organization.name}")} if plan.needed else {}),
    }


def not_known(reason: str, after: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """The result of a check mode that cannot tell. ``after``: the facts of the license, if there is one already."""
    return {
        "changed": False, "uploaded": False, "reason": "unknown", "compared": None, "organization": None,
        "changes": [], "license": {"before": None, "after": after},
        "warnings": [f"Whether the license would be uploaded is not known: {reason}"],
    }  # fmt: skip


def _secrets(license_: LicenseDocument) -> List[str]:
    return [str(license_.members[name]) for name in ("LicenseKey", "Signature", "Token") if license_.members.get(name)]


class _Refused(ApiError):
    """A license that is not sent, or that the server did not take."""

    def __init__(
        self,
        objection: Objection,
        status: Optional[int] = None,
        text: str = "",
        more: str = "",
        layer: str = LICENSE,
    ) -> None:
        super().__init__(layer, objection.message + more, status, objection.advice, text=text)
        self.cause = objection.cause

    def result(self) -> Dict[str, Any]:
        return {**super().result(), "cause": self.cause}


class _Present(NamedTuple):
    """The license that the server has. ``members``: those that can be seen; ``broken``: why it is none, else empty.

    ``shown``: what the API shows of it, and by it of what the server lives by.
    """

    compared: str
    broken: str
    members: Mapping[str, Any]
    shown: Mapping[str, Any]
    issued: Optional[datetime] = None
    token_expires: Optional[datetime] = None
    known: Known = Known()
    installation_id: Optional[str] = None


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


class MissingFile(ApiError):
    """There is no such license file."""


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
        self.warnings: List[str] = []
        account.client.secrets.update(_secrets(document))

    def plan(self, inspected: Union[OnHost, NotOnHost]) -> UploadPlan:
        """Check the license and compare it with the server's. Raises ``ApiError`` for one that must not be sent."""
        now = self.account.client.server_time()
        present = self._present(inspected)
        for objection in refusals(self.license, present.installation_id, now):
            raise _Refused(objection, more=" It was not sent.")
        for objection in dangers(self.license, self.organization, present.known, now):
            if not self.force:
                raise _Refused(objection, more=" It was not sent.")
            self.warnings.append(f"{objection.message} It was sent because of force.")
        found, reason, needed = self._decide(present)
        return UploadPlan(
            needed=needed,
            reason=reason,
            difference=found,
            compared=present.compared,
            before=None if present.broken else _facts(present.members),
            after=self.license.facts() if needed else _facts(present.members),
        )

    def apply(self, content: bytes, plan: UploadPlan, inspect: Inspect) -> License:
        """Upload it and see that the server has it; return the license as the server reads it. Raises ``ApiError``."""
        path = f"/organizations/licenses/self-hosted/{self.organization.id}"
        try:
            self.account.call("POST", path, "upload the license", files={"license": ("license.json", content)})
        except ApiError as error:
            if not error.unknown_outcome:
                raise self._explained(error) from None
            if self._arrived(plan.compared, inspect):
                return read_license(self.account, self.organization)
            error.message += " The license may have been taken all the same; the server does not show it."
            raise
        current = read_license(self.account, self.organization)
        if not self._is_shown(current, _LIVED_BY):
            raise ApiError(
                SERVER,
                "The server took the license, but does not show it.",
                advice="The reason may be in the log of the server's api container.",
            )
        return current

    def _present(self, looked: Union[OnHost, NotOnHost]) -> _Present:
        license_ = self.current
        shown = self._shown_members(license_)
        if isinstance(looked, OnHost):
            present = self._by_file(looked, license_, shown)
            if isinstance(present, _Present):
                return present
            looked = present
        self.warnings.append(
            "The license was compared with what the server's API shows, without installation and license key: "
            + looked.reason
        )
        broken = license_.state if license_.state in BROKEN else ""
        return _Present(API, broken, shown, shown, known=self._known_by_connection())

    def _by_file(self, looked: OnHost, license_: License, shown: Mapping[str, Any]) -> Union[_Present, NotOnHost]:
        """The license by its file. What the server itself says of it wins: it may know another file, or not like it."""
        file = looked.file
        state = file.get("state")
        installation = looked.installation_id
        if license_.state == UNREADABLE:
            raise _Refused(
                Objection("unreadable", f"The server may not read its license file: {file.get('path')}.",
                          "A restart of the server gives the file to its services.")
            )  # fmt: skip
        if state in _FILE_BROKEN and shown and license_.state != UNKNOWN:
            return NotOnHost(f"the server has a good license, but not in {file.get('path')} ({state}).")
        if state in _FILE_BROKEN or license_.state in BROKEN:
            broken = str(state) if state in _FILE_BROKEN else license_.state
            return _Present(FILE, broken, {}, {}, known=self._known_by_connection(), installation_id=installation)
        if not file.get("fields"):
            return NotOnHost(str(file.get("problem") or "The file could not be understood."))
        known = Known(file.get("cloud_organization_id"), file.get("license_key_digest"))
        issued, expires = parse_date(file.get("issued")), parse_date(file.get("token_expires"))
        return _Present(FILE, "", file["fields"], shown, issued, expires, known, installation)

    def _known_by_connection(self) -> Known:
        """Whose license it was, as the connection to the cloud remembers."""
        connection = self.connection()
        identifier = connection.cloud_organization_id if connection else None
        return Known(str(identifier) if identifier and not _is_zero(str(identifier)) else None)

    def _shown_members(self, shown: License) -> Dict[str, Any]:
        if shown.state in BROKEN:
            return {}
        lowered = {key.lower(): value for key, value in shown.answer.items()}
        members = {
            name: lowered[name.lower()]
            for name in self.license.members
            if name.lower() in lowered and name not in _NOT_OF_THE_LICENSE
        }
        dates = {"Expires": "expiration", "ExpirationWithoutGracePeriod": "expirationwithoutgraceperiod"}
        plan = shown.answer.get("plan")
        return {
            **members,
            # For a license without this date the server reckons one.
            **{
                name: normal_date(lowered.get(key))
                for name, key in dates.items()
                if name == "Expires" or self.license.members.get(name)
            },
            "Plan": plan.get("name") if isinstance(plan, dict) else None,
        }

    def _decide(self, present: _Present) -> Tuple[Difference, str, bool]:
        """What differs, why (not), and whether to upload."""
        found = Difference()
        if present.broken:
            found.compare("license", present.broken, f"issued {self.license.members.get('Issued')}")
            return found, present.broken, True
        self._compare(found, present)
        longer, mine = present.token_expires, self.license.token_expires
        if not found and longer is not None and mine is not None and mine - longer > _WORTH_LONGER:
            found.compare("Token", format_date(longer), format_date(mine))
            return found, "token", True
        if not found:
            return found, "equal", False
        if self._is_older(present) and not self.force:
            self.warnings.append(
                "The license was not uploaded: it differs from the server's, but the server's is newer. Set force to "
                "upload it all the same."
            )
            return found, "older", False
        return found, "differs", True

    def _compare(self, found: Difference, present: _Present) -> None:
        """What an upload would change: of the license, and of what the server makes of it."""
        members, key = self.license.members, present.known.key_digest
        # Older servers leave out of the file what they do not know; in that of this very license it is no difference.
        same_issue = present.issued is not None and present.issued == self.license.issued
        known = present.members if same_issue or present.compared == API else members
        seen = {name: value for name, value in members.items() if name in known}
        for name, before, after in differences(present.members, {**seen, "LicenseKey": None}):
            found.compare(name, member_text(before), member_text(after))
        if key is not None:
            found.compare("LicenseKey", key, self.license.key_digest, secret=True)
        for name in _LIVED_BY:
            if not found and name in present.shown and present.shown[name] != members.get(name):
                found.compare(name, member_text(present.shown[name]), member_text(members.get(name)))
        if not found and not self.organization.enabled:
            found.compare("Enabled", "false", "true")

    def _is_older(self, present: _Present) -> bool:
        if present.issued is not None and self.license.issued is not None:
            return self.license.issued < present.issued
        before, after = parse_date(present.members.get("Expires")), self.license.date("Expires")
        return present.compared == API and before is not None and after is not None and after < before

    def _arrived(self, compared: str, inspect: Inspect) -> bool:
        """Whether a license whose upload was not answered is there. What cannot be looked at has not arrived."""
        try:
            if compared == API:
                return self._is_shown(read_license(self.account, self.organization))
            looked = inspect(self.organization.id)
        except ApiError:
            return False
        if not isinstance(looked, OnHost) or not looked.file.get("fields"):
            return False
        there = looked.file["fields"]
        members = {name: value for name, value in self.license.members.items() if name in there}
        same_key = looked.file.get("license_key_digest") == self.license.key_digest
        same_issue = parse_date(looked.file.get("issued")) == self.license.issued
        return same_key and same_issue and not differences(there, members)

    def _is_shown(self, current: License, names: Optional[Tuple[str, ...]] = None) -> bool:
        """Tell whether the server shows the license (its expiry, and these members or all)."""
        shown = self._shown_members(current)
        compared = {*(names or shown), "Expires"} & set(shown)
        members = {name: self.license.members.get(name) for name in compared}
        return bool(shown) and not differences({name: shown[name] for name in compared}, members)

    def _explained(self, error: ApiError) -> ApiError:
        objection = rejection(error)
        return error if objection is None else _Refused(objection, error.status, error.text)


def _facts(members: Mapping[str, Any]) -> Dict[str, Any]:
    return LicenseDocument(dict(members), {}).facts()


def _is_zero(identifier: str) -> bool:
    return not identifier.strip("0-")
