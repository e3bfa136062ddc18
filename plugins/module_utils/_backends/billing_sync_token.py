# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Get, create or rotate the billing sync token of an organization in the cloud (module billing_sync_token)."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any, Dict, Mapping, NamedTuple, Optional

from .._api.argspec import duration_option, require_unquoted
from .._api.errors import LOGIN, NETWORK, PERMISSION, REQUEST, ApiError
from .._api.organizations import Organization
from .._cloud.account import CloudAccount, CloudError, cloud_account
from .._cloud.argspec import CLOUD_OPTIONS
from .._common.dates import format_date, parse_date
from .._common.diff import Difference

OPTIONS: Dict[str, Any] = {
    **CLOUD_OPTIONS,
    "state": {"type": "str", "choices": ["present", "rotated"], "default": "present"},
    "max_age": {"type": "str"},
    "rotated_before": {"type": "str"},
    "otp": {"type": "str", "no_log": True},
}

NONE, CREATED, ROTATED = "none", "created", "rotated"

# The types of an organization's keys: 0 is its public API key, which must never be touched from here.
_BILLING_SYNC = 1
_WITH_BILLING_SYNC = ("Teams", "Enterprise")
_TOLERANCE = timedelta(minutes=1)  # of clocks


class Key(NamedTuple):
    """The token itself, and since when it is what it is."""

    token: str
    revised: Optional[datetime]


def perform(params: Mapping[str, Any], check_mode: bool) -> Dict[str, Any]:
    """Read, decide, make or rotate. Raises ``ApiError``."""
    _check(params, datetime.now(timezone.utc))
    with cloud_account(params) as account:
        organization = account.organization(params["organization"])
        if organization.plan not in (None, *_WITH_BILLING_SYNC):  # one that is not known here is left to the cloud
            raise _no_billing_sync(organization)
        revised = _revision(account, organization)
        action = decide(params, revised, datetime.now(timezone.utc))
        found = Difference()
        if action != NONE:
            found.compare(
                "billing_sync_token", format_date(revised), "made now" if action == CREATED else "rotated now"
            )
        key = None
        if action == NONE or not check_mode:
            key = _Keeper(account, organization, _proof(account, params), revised).fetch(action)
        return {
            "changed": bool(found),
            "action": action,
            "organization": organization.named(),
            "billing_sync_token": key.token if key else None,
            "revision_date": format_date(key.revised if key else revised),
            "diff": found.diff(f"billing sync token of {organization.name}"),
            # What else would be shown is the token. Errors carry none and stay readable.
            "_ansible_no_log": True,
        }


def _check(params: Mapping[str, Any], now: datetime) -> None:
    if params["state"] == "present" and (params["max_age"] or params["rotated_before"]):
        raise ApiError(REQUEST, "max_age and rotated_before need state=rotated.")
    if params["max_age"] and params["rotated_before"]:
        raise ApiError(REQUEST, "max_age and rotated_before cannot be given both.")
    for name in ("max_age", "rotated_before"):
        if params["state"] == "rotated" and params[name] == "":
            raise ApiError(REQUEST, f"{name} is empty.", advice="Leave it out (omit) where each run shall rotate.")
    if params["rotated_before"]:
        limit = parse_date(params["rotated_before"])
        if limit is None:
            raise ApiError(REQUEST, "rotated_before is not a time.", advice="Write it as 2026-11-22T10:00:00Z.")
        if limit > now + _TOLERANCE:
            raise ApiError(
                REQUEST,
                "rotated_before is in the future, by the controller's clock: each run until then would rotate.",
                advice="Give a moment that has passed: older tokens are rotated, newer ones are kept.",
            )
    if params["max_age"]:
        duration_option(params, "max_age")
    require_unquoted("otp", str(params["otp"] or ""))
    password = str(params["master_password"] or "")
    if password != password.rstrip("\r\n"):
        advice = "Check how it was copied (a file read by a lookup ends in a line end)."
        raise ApiError(REQUEST, "master_password has a line end behind it.", advice=advice)


def decide(params: Mapping[str, Any], revised: Optional[datetime], now: datetime) -> str:
    """Return ``none``, ``created`` or ``rotated``; ``revised``: the date of the present key, or ``None``."""
    if revised is None:
        return CREATED
    if params["state"] == "present":
        return NONE
    limit = parse_date(params["rotated_before"])
    if params["max_age"]:
        limit = now - timedelta(seconds=duration_option(params, "max_age"))
    return ROTATED if limit is None or revised < limit else NONE


def _revision(account: CloudAccount, organization: Organization) -> Optional[datetime]:
    """Return since when there is a key of this type; read without any secret."""
    path = f"/organizations/{organization.id}/api-key-information/{_BILLING_SYNC}"
    response = account.get(path, "read when the billing sync token was made")
    data = response.get("data") if isinstance(response, dict) else None
    if not isinstance(data, list):
        raise ApiError(
            NETWORK, "The cloud's response about the organization's keys is not in the form of Bitwarden's API."
        )
    keys = [one for one in data if isinstance(one, dict)]
    dates = [parse_date(one.get("revisionDate")) for one in keys if one.get("keyType") == _BILLING_SYNC]
    return max((date for date in dates if date), default=None)


def _proof(account: CloudAccount, params: Mapping[str, Any]) -> Dict[str, str]:
    """Return what proves to the cloud that the account's owner asks."""
    if params["otp"]:
        return {"otp": str(params["otp"])}
    if not params["master_password"]:
        raise ApiError(
            REQUEST,
            "master_password is missing.",
            advice="Set it, or BW_CLOUD_PASSWORD in the environment of the controller, to the master password of the "
            "account; or otp to a one-time password.",
        )
    return {"masterPasswordHash": account.password_hash(str(params["master_password"]))}


class _Keeper:
    """Asks the cloud for the key, or for another. ``before``: since when there is one, ``None`` for no key."""

    def __init__(
        self, account: CloudAccount, organization: Organization, proof: Dict[str, str], before: Optional[datetime]
    ) -> None:
        self.account = account
        self.organization = organization
        self.proof = proof
        self.before = before

    def fetch(self, action: str) -> Key:
        """Return the key after ``action``. Raises ``ApiError``, whose details say what was changed all the same."""
        try:
            return self._post("rotate-api-key" if action == ROTATED else "api-key")
        except ApiError as error:
            if error.unknown_outcome:
                return self._after_lost_answer(action, error)
            explained = _explained(error, self.organization, "otp" in self.proof)
            if action == CREATED and explained.layer == LOGIN:
                _add_change(explained, action)  # the cloud makes the key before it checks the password
            raise explained from None

    def _post(self, call: str) -> Key:
        path = f"/organizations/{self.organization.id}/{call}"
        what = "rotate the billing sync token" if call == "rotate-api-key" else "get the billing sync token"
        response = self.account.call("POST", path, what, {"type": _BILLING_SYNC, **self.proof}).json
        token = response.get("apiKey") if isinstance(response, dict) else None
        if not isinstance(token, str) or not token:
            message = f"Could not {what}: the response is not in the form of Bitwarden's API."
            raise ApiError(NETWORK, message, unknown_outcome=True)
        self.account.client.secrets.add(token)
        return Key(token, parse_date(response.get("revisionDate")))

    def _after_lost_answer(self, action: str, error: ApiError) -> Key:
        """Return the key where the cloud did all the same what its lost answer did not tell. Raises ``CloudError``."""
        if action == ROTATED and not self._has_changed():
            raise CloudError.of(
                error, "unknown_outcome", f"{error.message} The token has not been rotated so far.", _READ_AGAIN
            )
        try:
            key = self.account.until(lambda: self._post("api-key"))
        except ApiError as second:
            error.message = f"{error.message} Asked once more: {second.message}"
            key = None
        if key is not None:
            return key
        if action == NONE:
            raise error
        changed = action == ROTATED or self._has_changed()
        done = {CREATED: " There is a token now.", ROTATED: " The token was rotated all the same."}
        lost = CloudError.of(error, "unknown_outcome", error.message + (done[action] if changed else ""), _READ_AGAIN)
        if changed:
            _add_change(lost, action)
        raise lost

    def _has_changed(self) -> bool:
        """Tell whether the key is another than before, or was made. An answer may be lost before the cloud is done."""

        def moved() -> Optional[datetime]:
            revised = _revision(self.account, self.organization)
            return revised if revised != self.before else None

        try:
            return self.account.until(moved) is not None
        except ApiError:
            return False


_READ_AGAIN = (
    "Run it again with state=present (where a one-time password proves the account, with a new one): it returns the "
    "token that holds now. Servers that have another one cannot sync until they get it."
)


def _add_change(error: ApiError, action: str) -> None:
    error.details.update(changed=True, action=action)


def _explained(error: ApiError, organization: Organization, by_otp: bool) -> ApiError:
    if isinstance(error, CloudError):
        return error
    if error.not_found:
        return _no_billing_sync(organization)
    if error.status == 400 and "MasterPasswordHash" in error.text:
        secret = "one-time password (otp)" if by_otp else "master password"
        advice = (
            "Each holds for one call and a few minutes: have a new one mailed."
            if by_otp
            else "It is the password of the account in the cloud, which may differ from that on the server, without "
            "quotes around it. An account without one needs otp."
        )
        refused = CloudError.of(
            error,
            "wrong_otp" if by_otp else "wrong_password",
            f"The cloud refused the account's {secret}.",
            advice,
        )
        refused.layer = LOGIN
        return refused
    return error


def _no_billing_sync(organization: Organization) -> CloudError:
    return CloudError.made(
        "plan_without_billing_sync",
        PERMISSION,
        f"The organization {organization.name!r} has no billing sync: its plan is {organization.plan or 'not known'}.",
        "Billing sync comes with Teams and Enterprise. Upload a license file instead (module license).",
    )
