# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An owner's account in the cloud: login, waiting for the cloud's rate limit, proof of the master password."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, Mapping, Optional, TypeVar

from .._api.argspec import duration_option
from .._api.auth import Account
from .._api.client import Client
from .._api.errors import LOGIN, PERMISSION, REQUEST, ApiError, Response
from .._api.kind import require_cloud
from .._api.organizations import Organization, find_organization
from .._api.response_errors import UNUSUAL_TRAFFIC
from .._common.waiting import pause
from .argspec import read_cloud_options
from .kdf import Kdf, master_password_hash, read_kdf

NOT_OWNER = "not_owner"
RATE_LIMIT = "rate_limit"
UNUSUAL = "unusual_traffic"
NO_MASTER_PASSWORD = "no_master_password"
VERSION_HEADER = "version_header"
LOGIN_REFUSED = "login"

_PAUSE = 5  # seconds, where the cloud does not say how long
_LOOKS, _LOOK = 6, 3.0  # how often what became of a write is looked for, and the seconds after each time

_Result = TypeVar("_Result")


class CloudError(ApiError):
    """An ``ApiError`` with a ``cause``, one word for programs."""

    cause = ""

    @classmethod
    def of(cls, error: ApiError, cause: str, message: str = "", advice: str = "") -> CloudError:
        """Return ``error`` with its cause, and with another message and advice where given."""
        new = cls(
            error.layer,
            message or error.message,
            error.status,
            advice or error.advice,
            transient=error.transient,
            unknown_outcome=error.unknown_outcome,
            retry_after=error.retry_after,
            text=error.text,
        )
        new.cause = cause
        return new

    @classmethod
    def made(cls, cause: str, layer: str, message: str, advice: str = "") -> CloudError:
        """Return a new error."""
        return cls.of(ApiError(layer, message, advice=advice), cause)

    def result(self) -> Dict[str, Any]:
        return {**super().result(), "cause": self.cause}


class CloudAccount(Account):
    """An account that waits when the cloud says that it was asked too often, ``patience`` seconds in all."""

    def __init__(self, client: Client, patience: float, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(client, lambda: require_cloud(client))
        self._deadline = time.monotonic() + patience
        self._sleep = sleep

    def login(self) -> str:
        try:
            return self._patiently(super().login)
        except ApiError as error:
            raise _login_error(error) from None

    def call(self, method: str, path: str, what: str, *more: Any, **named: Any) -> Response:
        self.login()
        # What the rate limit refuses was not carried out: also a write may be sent again then.
        return self._patiently(lambda: super(CloudAccount, self).call(method, path, what, *more, **named))

    def _patiently(self, ask: Callable[[], _Result]) -> _Result:
        while True:
            try:
                return ask()
            except ApiError as error:
                if error.text.startswith(UNUSUAL_TRAFFIC):
                    raise CloudError.of(error, UNUSUAL) from None
                if error.status != 429:
                    raise
                rest = max(1, error.retry_after or _PAUSE)
                if time.monotonic() + rest > self._deadline:
                    raise CloudError.of(
                        error, RATE_LIMIT, advice="The cloud was asked too often from this address. Try again later, "
                        "or give retry_timeout more time."
                    ) from None  # fmt: skip
            pause(rest, "Waiting because of the cloud's rate limit (429)", self._sleep)

    def until(self, seen: Callable[[], Optional[_Result]]) -> Optional[_Result]:
        """Return what ``seen`` returns, repeated for a while as long as it is ``None`` or the cloud does not answer."""
        for _count in range(_LOOKS):
            try:
                found = seen()
            except ApiError as error:
                if not error.transient or error.status == 429:
                    raise
                found = None
            if found is not None:
                return found
            pause(_LOOK, "Waiting to see in the cloud what became of a request without an answer", self._sleep)
        return None

    def organization(self, wanted: Optional[str]) -> Organization:
        """Return the organization in the cloud. Raises ``ApiError``, cause ``not_owner`` for another's.

        That is seen in the list. A request for it that is refused (it has a status) says nothing about owners.
        """
        try:
            return find_organization(self, wanted)
        except ApiError as error:
            if error.layer != PERMISSION or error.status is not None:
                raise
            raise CloudError.of(error, NOT_OWNER) from None

    def password_hash(self, password: str) -> str:
        """Return the hash of the account's master password. Raises ``ApiError``."""
        self.client.secrets.add(password)
        self.login()
        response = self.login_response
        options = _mapping(response.get("UserDecryptionOptions"))
        if options.get("HasMasterPassword") is False:
            raise CloudError.made(
                NO_MASTER_PASSWORD, LOGIN, "The account in the cloud has no master password.",
                "Give a one-time password instead, option otp.",
            )  # fmt: skip
        unlock = _mapping(options.get("MasterPasswordUnlock"))
        salt: Any = unlock.get("Salt")
        kdf = read_kdf(_mapping(unlock.get("Kdf")), "KdfType", "Iterations", "Memory", "Parallelism")
        kdf = kdf or read_kdf(response, "Kdf", "KdfIterations", "KdfMemory", "KdfParallelism")
        if not salt or kdf is None:
            email = _mapping(self.get("/accounts/profile", "read the account's e-mail address")).get("email")
            known = self._prelogin(str(email)) if kdf is None else {}
            salt = salt or known.get("salt") or email
            kdf = kdf or _kdf_of_prelogin(known)
        result = master_password_hash(password, str(salt), kdf)
        self.client.secrets.add(result)
        return result

    def _prelogin(self, email: str) -> Mapping[str, Any]:
        url, what = f"{self.client.options.identity_url}/accounts/prelogin", "read how the password is hashed"
        response = self._patiently(lambda: self._send(url, what, {"email": email}))
        return _mapping(response.json)

    def _send(self, url: str, what: str, body: Any) -> Response:
        response = self.client.send("POST", url, what, json_body=body)
        if response.status != 200:
            raise self.client.error(response, what, url)
        return response


def _kdf_of_prelogin(fields: Mapping[str, Any]) -> Kdf:
    kdf = read_kdf(fields, "kdf", "kdfIterations", "kdfMemory", "kdfParallelism")
    if kdf is None:
        raise ApiError(REQUEST, "The cloud does not say how the account's master password is hashed.")
    return kdf


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _login_error(error: ApiError) -> ApiError:
    """Return the error of a refused login with the cloud's causes."""
    if isinstance(error, CloudError) or error.layer != LOGIN:
        return error
    if "client version" in error.text.lower():
        return CloudError.of(error, VERSION_HEADER)
    return CloudError.of(error, LOGIN_REFUSED)


@contextmanager
def cloud_account(params: Mapping[str, Any]) -> Iterator[CloudAccount]:
    """Yield an account in the cloud; it logs in when first needed, and once. Raises ``ApiError``."""
    client = Client(read_cloud_options(params))
    try:
        yield CloudAccount(client, duration_option(params, "retry_timeout"))
    except ApiError as error:
        raise client.masked(error) from None
    finally:
        client.close()
