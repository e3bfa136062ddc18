# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The connection of an organization to the cloud, which holds the billing sync token."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Dict, NamedTuple, Optional

from .._common.dates import format_date, parse_date
from .auth import Account
from .connection_license import connection_refused
from .errors import NETWORK, REQUEST, SERVER, ApiError
from .organizations import Organization
from .session import PATIENCE, wait_for_answer

CLOUD_BILLING_SYNC = 1
_MOST = 20  # connections that a race could leave; a stop, not a limit anybody meets


class Connection(NamedTuple):
    """One connection. ``token`` is the billing sync token in clear: never show it.

    ``last_license_sync`` is the server's own text, which has to be sent back as it is to be kept. ``id`` is ``None``
    for a connection that is only predicted.
    """

    id: Optional[str]
    enabled: bool
    token: Optional[str]
    cloud_organization_id: Optional[str]
    last_license_sync: Optional[str]

    @property
    def synced_at(self) -> Optional[datetime]:
        """When the license was last synced (UTC), ``None`` for never."""
        return parse_date(self.last_license_sync)

    @property
    def token_set(self) -> bool:
        """Whether there is a token at all; the server also stores blank ones."""
        return bool(self.token and self.token.strip())

    def facts(self) -> Dict[str, Any]:
        """Return what may be shown: everything but the token."""
        return {
            "id": self.id,
            "enabled": self.enabled,
            "billing_sync_token_set": self.token_set,
            "cloud_organization_id": self.cloud_organization_id,
            "last_license_sync": format_date(self.synced_at),
        }


def read_connection(account: Account, organization: Organization) -> Optional[Connection]:
    """Return the organization's connection, ``None`` if there is none. Of several the server shows one."""
    what = "read the connection of the organization"
    path = f"/organizations/connections/{organization.id}/{CLOUD_BILLING_SYNC}"
    try:
        return _connection(account, account.get(path, what))
    except ApiError as error:
        if "outside of a self-hosted instance" in error.text:
            raise ApiError(
                REQUEST,
                f"{account.client.options.api_url} is Bitwarden's cloud, not a self-hosted server.",
                status=error.status,
                advice="Set url to the self-hosted server; the token goes there.",
            ) from None
        raise


def create_connection(
    account: Account, organization: Organization, token: str, enabled: bool, last_license_sync: Optional[str] = None
) -> Connection:
    """Create the organization's connection and return it. Raises ``ApiError``."""
    body = _body(organization, token, enabled, None, last_license_sync)
    return _write(account, organization, "POST", "/organizations/connections", "create the connection", body)


def update_connection(
    account: Account,
    organization: Organization,
    current: Connection,
    token: str,
    enabled: bool,
    last_license_sync: Optional[str] = None,
) -> Connection:
    """Replace the connection's content and return it. What is not given (last sync) is reset. Raises ``ApiError``."""
    body = _body(organization, token, enabled, current.cloud_organization_id, last_license_sync)
    path = f"/organizations/connections/{current.id}"
    return _write(account, organization, "PUT", path, "update the connection", body)


def delete_connection(account: Account, connection: Connection) -> None:
    """Delete a connection. One that is gone already is fine, and so is a lost response: the caller reads again."""
    try:
        account.call("DELETE", f"/organizations/connections/{connection.id}", "delete the connection")
    except ApiError as error:
        if not error.not_found and not error.unknown_outcome:
            raise


def delete_connections(account: Account, organization: Organization) -> int:
    """Delete until the organization has no connection left; return how many there were. Raises ``ApiError``."""

    def read() -> Optional[Connection]:
        return read_connection(account, organization)

    for count in range(_MOST):
        try:
            # After a deletion whose response was lost the server may be down.
            current = wait_for_answer(read, PATIENCE if count else 0)
            if current is None:
                return count
            delete_connection(account, current)
        except ApiError as error:
            error.details["changed"] = count > 0
            raise
    failure = ApiError(
        SERVER,
        f"The organization still has a connection after {_MOST} were deleted.",
        advice="Something else creates connections at the same time.",
    )
    failure.details["changed"] = True
    raise failure


def _body(
    organization: Organization,
    token: str,
    enabled: bool,
    cloud_organization_id: Optional[str],
    last_license_sync: Optional[str],
) -> Dict[str, Any]:
    config: Dict[str, Any] = {"billingSyncKey": token}
    if cloud_organization_id:
        config["cloudOrganizationId"] = cloud_organization_id
    if last_license_sync:
        config["lastLicenseSync"] = last_license_sync
    return {
        "type": CLOUD_BILLING_SYNC,
        "organizationId": organization.id,
        "enabled": enabled,
        "config": config,
    }


def _write(
    account: Account, organization: Organization, method: str, path: str, what: str, body: Dict[str, Any]
) -> Connection:
    token = body["config"]["billingSyncKey"]
    account.client.secrets.add(token)
    try:
        response = account.call(method, path, what, body)
    except ApiError as error:
        raise account.client.masked(connection_refused(account, organization, error)) from None
    written = _connection(account, response.json)
    if written is None:
        raise ApiError(NETWORK, f"Could not {what}: the response is not in the form of Bitwarden's API.", status=200)
    return written


def _connection(account: Account, response: Any) -> Optional[Connection]:
    """Read the server's connection object; all-null stands for none."""
    if not isinstance(response, dict) or "id" not in response:
        raise ApiError(NETWORK, "The server's connection is not in the form of Bitwarden's API.")
    if not response["id"]:
        return None
    config = response.get("config")
    fields = {str(key).lower(): value for key, value in config.items()} if isinstance(config, dict) else {}
    token = fields.get("billingsynckey")
    if isinstance(token, str) and token:
        account.client.secrets.add(token)
    return Connection(
        id=str(response["id"]),
        enabled=bool(response.get("enabled")),
        token=token if isinstance(token, str) else None,
        cloud_organization_id=fields.get("cloudorganizationid"),
        last_license_sync=fields.get("lastlicensesync"),
    )
