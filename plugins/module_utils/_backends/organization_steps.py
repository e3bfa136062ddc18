# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps on one organization: license, token, sync."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

from .._api.auth import Account
from .._api.connection_license import explained_by
from .._api.errors import ApiError
from .._api.organizations import cloud_communication, find_organization, require_version
from .._api.subscription import BROKEN, EXPIRED, UNKNOWN, License, read_license
from .._licenses.content import MissingFile, content_of
from .._sync_log.license_failure import SyncFailure
from . import billing_sync, sync_due
from .host_reading import (
    Inspection,
    ReadOnHost,
    decided_on_host,
    diagnosis_by,
    inspection_by,
    sponsorship_failure,
)
from .organization_changes import Changes, summary
from .organization_info import OrganizationState
from .sync_attempts import LicenseSync, Times

READ, LICENSE, TOKEN, SYNC = "read", "license", "token", "sync"
STEPS = [LICENSE, TOKEN, SYNC]


class Tools(NamedTuple):
    """What a run uses beside the API: the server's host, files, the pace of syncs, and time."""

    read_on_host: ReadOnHost
    read_file: Callable[[str], bytes]
    wait_turn: Callable[[], object] = lambda: None
    times: Times = Times()


class Limits(NamedTuple):
    """The durations of the options, in seconds. ``license_age``: ``None`` where the license is not to be synced.

    ``expiry_warning``: how long before its end a license counts as expiring.
    """

    wait: float
    retry: float
    sponsorships_age: float
    license_age: Optional[float]
    expiry_warning: float


class OrganizationRun:
    """The steps on one organization: ``state`` is kept up to date, ``changes`` are noted, ``step`` is being done."""

    def __init__(
        self,
        account: Account,
        state: OrganizationState,
        params: Mapping[str, Any],
        limits: Limits,
        check_mode: bool,
        tools: Tools,
        warnings: List[str],
    ) -> None:
        self.account = account
        self.initial = self.state = state
        self.params = params
        self.limits = limits
        self.check_mode = check_mode
        self.tools = tools
        self.warnings = warnings
        self.step = READ
        self.changes = Changes()
        self.problems: List[str] = []
        self.license_required = False
        self.predicted = False  # a sync, which counts as one that works
        self.upload: Optional[Dict[str, Any]] = None
        self.sync: Optional[Dict[str, Any]] = None
        self.sponsorship_failure: Optional[Dict[str, Any]] = None
        self.inspection = Inspection(inspection_by(tools.read_on_host, params["bwdata"]))

    def perform(self) -> Dict[str, Any]:
        """Do the steps that are selected and asked for. Raises ``ApiError``."""
        try:
            token = self._token()
            self.step = READ
            self._set_license(self.state.license)
            if self._lacks_license():
                self.license_required = True
                return self._result()
            self._explain_sponsorships()
            if LICENSE in self.params["steps"] and self.params["license"] is not None:
                self._apply_license()
            if token is not None:
                self._apply_token(token)
            if SYNC in self.params["steps"] and self.limits.license_age is not None:
                self._sync_license(self.limits.license_age, disabled=token is not None and not self.params["enabled"])
        except ApiError as error:
            result = self._result()
            changed = result["changed"] or bool(error.details.get("changed"))
            error.details = {**result, "changed": changed, "step": self.step}
            raise
        return self._result()

    def _set_license(self, license_: License) -> None:
        """Take the license as read; where the API leaves its state unknown, its file on the host decides."""
        now, identifier = self.account.client.server_time(), self.state.organization.id
        license_ = decided_on_host(license_, self.inspection, identifier, now, self.limits.expiry_warning)
        self.state = self.state._replace(license=license_)

    def _token(self) -> Optional[str]:
        """Return the token to apply; a bad one is an error before anything is changed."""
        self.step = TOKEN
        if TOKEN not in self.params["steps"] or self.params["billing_sync_token"] is None:
            return None
        token = billing_sync.read_token(self.params["billing_sync_token"])
        self.account.client.secrets.add(token)
        return token

    def _lacks_license(self) -> bool:
        """Tell whether the caller should bring a license first: none is given, and no sync could start from what is."""
        if not self.params["defer_without_license"] or self.params["license"] or LICENSE not in self.params["steps"]:
            return False
        license_ = self.state.license
        lacks = license_.state in (*BROKEN, EXPIRED) or (license_.state == UNKNOWN and license_.expires is None)
        return lacks or self.state.last_license_sync is None

    def _explain_sponsorships(self) -> None:
        found = self.state.current_sponsorships()
        if found is not None and not found.obstacles and found.doubtful(self.state.time, self.limits.sponsorships_age):
            self.sponsorship_failure = sponsorship_failure(
                self.tools.read_on_host, self.params["bwdata"], self.state.organization.id
            )

    def _apply_license(self) -> None:
        # Only here: it takes time to load, and few runs have a license.
        from . import license_upload  # noqa: PLC0415

        self.step = LICENSE
        try:
            content = content_of(self.params["license"], self.tools.read_file)
            document = license_upload.parse_content(content)
        except MissingFile as missing:
            if not self.check_mode:
                raise
            # An earlier task may bring it.
            self.warnings.append(f"Whether the license would be uploaded is not known: {missing.message}")
            return
        organization, connection = self.state.organization, self.state.connection
        upload = license_upload.LicenseUpload(
            self.account, organization, document, self.state.license, lambda: connection
        )
        upload.expiry_warning = self.limits.expiry_warning
        upload.warnings = self.warnings
        try:
            plan = upload.plan(self.inspection(organization.id))
        except ApiError as error:
            raise license_upload.as_rejection(error) from None
        if plan.needed and not self.check_mode:
            try:
                self.inspection.found = None
                self._set_license(upload.apply(content, plan, self.inspection.again))
            except ApiError as error:
                if error.details.get("changed"):
                    self.changes.note_all(plan.difference, "license.")
                raise license_upload.as_rejection(error) from None
        self.upload = plan.facts(self.check_mode)
        if not plan.needed:
            return
        self.changes.note_all(plan.difference, "license.")
        if self.check_mode:
            judged = upload.judged(self.state.time)
            enabled = organization._replace(enabled=bool(document.fields.get("Enabled", True)))
            self.state = self.state._replace(license=judged, organization=enabled)
        else:
            self._read_organization_again()

    def _apply_token(self, token: str) -> None:
        self.step = TOKEN
        current = self.state.connection
        desired = billing_sync.desired_connection(token, self.params["enabled"], self.params["keep_last_sync"], current)
        found = billing_sync.difference(current, desired)
        if not found:
            return
        self._require_version()
        if self.check_mode:
            self.warnings.extend(billing_sync.license_warnings(self.state.license))
            after = billing_sync.predicted_connection(current, desired)
        else:
            try:
                after, warnings = billing_sync.write_connection(self.account, self.state.organization, current, desired)
            except ApiError as error:
                if error.details.get("changed"):
                    self.changes.note_all(found)
                raise explained_by(self.state.license, error) from None
            self.warnings.extend(warnings)
        self.state = self.state._replace(connection=after)
        self.changes.note_all(found)

    def _sync_license(self, max_age: float, disabled: bool) -> None:
        """Sync where it is due. A changed token has no last sync, so that one is due: only that proves the token."""
        if disabled:
            return
        self.step = SYNC
        connection = self.state.connection
        now = self.account.client.server_time()
        limits = sync_due.Limits(max_age, bool(self.params["force"]))
        due = sync_due.reason_due(self.state.organization, connection, self.state.license, now, limits)
        self.sync = {"due": due, "synced": False, "attempts": 0, "cause": None}
        if due is None:
            self.problems = [self.state.sync_problem] if self.state.sync_problem else []
            return
        if due == sync_due.FUTURE:
            self.warnings.append(sync_due.future_warning(self.state.last_license_sync))
        self._require_version()
        communication = cloud_communication(self.account)
        self.state = self.state._replace(cloud_communication=communication)
        missing = sync_due.missing_precondition(communication, connection)
        if missing is not None and not (self.check_mode and self.params["assume_ready"]):
            self.sync["cause"] = missing.cause
            raise missing
        if self.check_mode:
            self.changes.note_all(sync_due.sync_difference(self.state, None))
            self._predict_sync()
        else:
            self._do_sync()

    def _predict_sync(self) -> None:
        """Keep the date that the server has: no other is known, and that of after the token would never be seen.

        What is wrong with organization or license is what the sync is to mend.
        """
        after, before = self.state.connection, self.initial.connection
        if after is not None and before is not None:
            self.state = self.state._replace(connection=after._replace(last_license_sync=before.last_license_sync))
        self.state = self.state._replace(organization=self.state.organization._replace(enabled=True))
        self.predicted = True

    def _do_sync(self) -> None:
        sync = LicenseSync(
            self.account,
            self.state.organization,
            self.state.connection,
            diagnosis_by(self.tools.read_on_host, self.params["bwdata"]),
            self.tools.times,
            self.tools.wait_turn,
        )
        outcome: Dict[str, Any] = {}
        try:
            connection = sync.run(self.limits.retry)
            outcome = {"synced": True}
        except SyncFailure as failure:
            outcome = {"cause": failure.cause}
            raise
        finally:
            self.sync = {**(self.sync or {}), **outcome, "attempts": sync.attempts}
        before = self.state
        self.state = self.state._replace(connection=connection)
        self.changes.note_all(sync_due.sync_difference(before, self.state))
        self.inspection.found = None
        self._set_license(read_license(self.account, self.state.organization, self.limits.expiry_warning))
        self._read_organization_again()
        self.changes.note_all(sync_due.sync_difference(before, self.state))

    def _require_version(self) -> None:
        if self.state.version is None:
            self.state = self.state._replace(version=require_version(self.account))

    def _read_organization_again(self) -> None:
        """Read the organization again: a license can enable it, and change its plan and seats."""
        organization = find_organization(self.account, self.state.organization.id)
        self.state = self.state._replace(organization=organization, time=self.account.client.server_time())

    def _result(self) -> Dict[str, Any]:
        found = self.changes.difference()
        facts = self.state.facts(self.limits.sponsorships_age)
        facts["problems"] = [] if self.predicted else [*facts["problems"], *self.problems]
        warnings = [] if self.predicted else [*self.problems, *self.state.warnings()]
        if facts["sponsorships"] is not None:
            facts["sponsorships"]["failure"] = self.sponsorship_failure
        return {
            **facts,
            "changed": bool(found),
            "changes": summary(found),
            "diff": found.diff(f"organization {self.state.organization.name}"),
            "license_required": self.license_required,
            "license_upload": self.upload,
            "license_sync": self.sync,
            "warnings": list(dict.fromkeys([*self.warnings, *warnings])),  # the upload may have warned of the same
        }
