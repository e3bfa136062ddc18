# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Apply the billing sync token to an organization (module billing_sync)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._api.argspec import API_OPTIONS, require_unquoted
from .._api.auth import Account
from .._api.connections import (
    Connection,
    create_connection,
    delete_connection,
    delete_connections,
    read_connection,
    update_connection,
)
from .._api.errors import REQUEST, SERVER, ApiError
from .._api.organizations import Organization, find_organization, require_version
from .._api.session import ASSUME_READY, connected, read_after_loss, server_is_down
from .._api.subscription import BROKEN, UNKNOWN, License, read_license
from .._common.dates import format_date, parse_date
from .._common.diff import Difference

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "billing_sync_token": {"type": "str", "no_log": True},
    "enabled": {"type": "bool", "default": True},
    "keep_last_sync": {"type": "bool", "default": True},
}
REQUIRED_IF: List[Tuple[str, str, Tuple[str, ...]]] = [("state", "present", ("billing_sync_token",))]


_NEVER = "never"
_TRIES = 4  # writes until it is clear that something else keeps changing the connection


class DesiredConnection(NamedTuple):
    """The connection as it is to be. ``last_license_sync``: the server's text to keep, ``None`` for never."""

    token: str
    enabled: bool
    last_license_sync: Optional[str]

    def is_met_by(self, connection: Optional[Connection]) -> bool:
        """Tell whether the server has just that."""
        return (
            connection is not None
            and connection.token == self.token
            and connection.enabled == self.enabled
            and connection.synced_at == parse_date(self.last_license_sync)
        )


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Read, compare, write on a difference only, read back. Raises ``ApiError``."""
    token = read_token(params["billing_sync_token"]) if params["state"] == "present" else None
    try:
        with connected(params) as account:
            require_version(account)
            organization = find_organization(account, params["organization"])
            current = read_connection(account, organization)
            if token is None:
                return _remove(account, organization, current, check_mode)
            account.client.secrets.add(token)
            desired = desired_connection(token, params["enabled"], params["keep_last_sync"], current)
            return _apply(account, organization, current, desired, check_mode)
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return _predict_blindly(params, error)
        raise


def read_token(value: Optional[str]) -> str:
    """Return the token of the option. Raises ``ApiError`` for one that the server would store but never sync with."""
    token = str(value or "")
    if not token.strip():
        raise ApiError(REQUEST, "billing_sync_token is empty.", advice="Copy it from the organization in the cloud.")
    if token != token.strip() or any(mark in token for mark in "\r\n\t"):
        raise ApiError(
            REQUEST,
            "billing_sync_token has blanks or line ends in it; the server would store it so, and no sync would work.",
            advice="Check how it was copied (a file read by a lookup ends in a line end).",
        )
    require_unquoted("billing_sync_token", token)
    return token


def desired_connection(
    token: str, enabled: bool, keep_last_sync: bool, current: Optional[Connection]
) -> DesiredConnection:
    """Return the connection to have. The same token can keep its last sync; for another one nothing is proven yet."""
    kept = current.last_license_sync if keep_last_sync and current is not None and current.token == token else None
    return DesiredConnection(token, enabled, kept)


def difference(current: Optional[Connection], desired: Optional[DesiredConnection]) -> Difference:
    """Return what separates the connection from the desired one, ``None`` standing for no connection."""
    found = Difference()
    before = _fields(current.enabled, current.token, current.synced_at) if current else {}
    after = _fields(desired.enabled, desired.token, parse_date(desired.last_license_sync)) if desired else {}
    for one, other in ((before, after), (after, before)):
        # No last sync comes or goes with a connection that has none.
        if not one and other.get("last_license_sync") == _NEVER:
            del other["last_license_sync"]
    for key in ("enabled", "billing_sync_token", "last_license_sync"):
        found.compare(key, before.get(key), after.get(key), secret=key == "billing_sync_token")
    return found


def _fields(enabled: bool, token: Optional[str], synced: Any) -> Dict[str, Optional[str]]:
    return {
        "enabled": "true" if enabled else "false",
        "billing_sync_token": token,
        "last_license_sync": format_date(synced) or _NEVER,
    }


def _apply(
    account: Account,
    organization: Organization,
    current: Optional[Connection],
    desired: DesiredConnection,
    check_mode: bool,
) -> Dict[str, Any]:
    found = difference(current, desired)
    if not found:
        return _result(organization, current, _facts(current), found)
    if check_mode:
        predicted = predicted_connection(current, desired).facts()
        warnings = license_warnings(read_license(account, organization))
        return {**_result(organization, current, predicted, found), "warnings": warnings}
    after, warnings = write_connection(account, organization, current, desired)
    return {**_result(organization, current, after.facts(), found), "warnings": warnings}


def predicted_connection(current: Optional[Connection], desired: DesiredConnection) -> Connection:
    """Return the connection as a run would leave it; a new one's ids are not known yet."""
    return Connection(
        id=current.id if current else None,
        enabled=desired.enabled,
        token=desired.token,
        cloud_organization_id=current.cloud_organization_id if current else None,
        last_license_sync=desired.last_license_sync,
    )


def write_connection(
    account: Account, organization: Organization, current: Optional[Connection], desired: DesiredConnection
) -> Tuple[Connection, List[str]]:
    """Write the connection; return it as the server shows it afterwards, and warnings. Raises ``ApiError``."""
    writer = _Writer(account, organization, desired)
    try:
        return writer.write(current), _several(writer.found)
    except ApiError as error:
        error.details["changed"] = writer.wrote
        raise


_UNSURE = "The server may have written the connection all the same."


class _Writer:
    """Writes the connection and sees that the server has it, and only that one.

    ``found`` counts what was there; ``wrote``: whether anything was changed.
    """

    def __init__(self, account: Account, organization: Organization, desired: DesiredConnection) -> None:
        self.account = account
        self.organization = organization
        self.desired = desired
        self.found = 1
        self.wrote = False

    def write(self, current: Optional[Connection]) -> Connection:
        """Return the connection as the server shows it afterwards. Raises ``ApiError``."""
        token_changed = current is not None and current.token != self.desired.token
        for _count in range(_TRIES):
            try:
                written = self._save(current)
            except ApiError as error:
                if not _another_client(error):
                    raise
                current = read_after_loss(self._read, error, _UNSURE)
                if current is None or not self.desired.is_met_by(current):
                    continue
                written = current
                self.wrote = self.wrote or error.unknown_outcome
            if token_changed:
                # Of several connections the server shows but one, the others would keep the old token; only deleting
                # brings them up. The update came first, as it tells whether the server will save this one at all.
                token_changed = False
                self._clear()
                current = None
                continue
            seen = read_connection(self.account, self.organization)
            if seen is not None and self.desired.is_met_by(seen):
                if seen.id != written.id:  # another client wrote the same at the same time: ours is one too many
                    delete_connection(self.account, written)
                return seen
            self._clear()
            current = None
        raise ApiError(
            SERVER,
            "The connection does not stay as it was written.",
            advice="Something else changes it at the same time; run the task again when that is done.",
        )

    def _read(self) -> Optional[Connection]:
        return read_connection(self.account, self.organization)

    def _save(self, current: Optional[Connection]) -> Connection:
        if current is None:
            written = create_connection(self.account, self.organization, *self.desired)
        else:
            written = update_connection(self.account, self.organization, current, *self.desired)
        self.wrote = True
        return written

    def _clear(self) -> None:
        self.found = max(self.found, delete_connections(self.account, self.organization))


def _another_client(error: ApiError) -> bool:
    """Tell whether what is there counts after a failed write: response lost, or deleted or created by another."""
    return error.unknown_outcome or error.not_found or "already has a connection" in error.text


def _remove(
    account: Account, organization: Organization, current: Optional[Connection], check_mode: bool
) -> Dict[str, Any]:
    found = difference(current, None)
    count = delete_connections(account, organization) if found and not check_mode else 0
    return {**_result(organization, current, None, found), "warnings": _several(count)}


def _several(count: int) -> List[str]:
    text = f"The organization had {count} connections, left by clients that wrote at the same time; all were removed."
    return [text] if count > 1 else []


def _facts(connection: Optional[Connection]) -> Optional[Dict[str, Any]]:
    return connection.facts() if connection else None


def license_warnings(current: License) -> List[str]:
    """Return the warning of check mode where the run would fail: no connection is saved without a good license file."""
    if current.state in BROKEN:
        return [f"The run would fail: {current.message}"]
    return [f"The run may fail: {current.text}"] if current.state == UNKNOWN else []


def _result(
    organization: Organization, before: Optional[Connection], after: Optional[Dict[str, Any]], found: Difference
) -> Dict[str, Any]:
    return {
        "changed": bool(found),
        "changes": found.summary(),
        "organization": organization.named(),
        "connection": {"before": _facts(before), "after": after},
        "diff": found.diff(f"connection of {organization.name}"),
    }


def _predict_blindly(params: Mapping[str, Any], error: ApiError) -> Dict[str, Any]:
    """Predict for a server that is not running yet, but would be by now in a real run."""
    present = params["state"] == "present"
    return {
        "changed": present,
        "changes": [],
        "organization": None,
        "connection": {"before": None, "after": None},
        "warnings": [
            f"The connection could not be read, so that it is {'' if present else 'not '}predicted to change: {error}"
        ],
    }
