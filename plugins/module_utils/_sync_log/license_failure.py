# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The failure of a license sync: from the server's response and its log to the true cause."""

from __future__ import annotations

from typing import Any, Callable, Dict, NamedTuple, Optional

from .._api.errors import CLOUD, LICENSE, NETWORK, REQUEST, SERVER, TLS, ApiError
from .._common.quotes import quoted
from .._common.setting_names import CLOUD_COMMUNICATION, IDENTITY_URL
from .._licenses.problems import NOT_WRITABLE, rejection_row, sync_advice
from .causes import REJECTED
from .license_diagnosis import Diagnosis, Found, NoDiagnosis, usable

# The Api's one response to everything that goes wrong between it and the cloud.
_GENERIC = "An error has occurred"

_LIKELY = (
    "Likely causes: the billing sync token is wrong or was rotated in the cloud; the installation id or key is wrong, "
    "or of another region than the server is set to; the subscription is not active; the api container does not reach "
    "the cloud; or more than ten syncs within a minute from one address (then it works a minute later)."
)
_FAILED = (
    f"Possible causes: {IDENTITY_URL} or __apiUri is malformed; the database is not reachable, or was not migrated "
    "after an update; the server's configuration is wrong. The reason is in the log of the server's api container."
)
_SAVE_AGAIN = "Remove the connection and apply the token again (selfhosted.bitwarden.billing_sync)."
_TOKEN = "Apply the token first (selfhosted.bitwarden.billing_sync)."


class Precondition(NamedTuple):
    """What a sync requires: the cause of its lack, what is said of it, and what to do."""

    cause: str
    message: str
    advice: str


COMMUNICATION_OFF = Precondition(
    "cloud_communication_off",
    "Cloud communication is off in the running server.",
    f"Set {CLOUD_COMMUNICATION}=true and restart the server (selfhosted.bitwarden.server with cloud_communication).",
)
NO_CONNECTION = Precondition(
    "no_connection", "The organization has no connection to the cloud, thus no billing sync token.", _TOKEN
)
NO_TOKEN = Precondition("no_connection", "The organization's connection holds no billing sync token.", _TOKEN)
CONNECTION_DISABLED = Precondition(
    "connection_disabled",
    "The organization's connection to the cloud is disabled.",
    "Enable it (selfhosted.bitwarden.billing_sync with enabled=true).",
)
CONNECTION_NOT_FOUND = Precondition(
    "no_connection",
    "The server found no connection of the organization to sync by, or the account is not an owner any more.",
    _TOKEN,
)


class SyncFailure(ApiError):
    """A license sync that failed, or could not begin. ``cause`` is a code, ``transient`` says that waiting helps."""

    def __init__(self, layer: str, message: str, *, cause: str, transient: bool = False, **more: Any) -> None:
        super().__init__(layer, message, **more)
        self.cause = cause
        self.transient = transient
        self.attempts = 0

    @classmethod
    def lacking(cls, precondition: Precondition, error: Optional[ApiError] = None) -> SyncFailure:
        """Return the failure of a sync that lacks a precondition; ``error``: what the server said of it."""
        status, text = (error.status, error.text) if error else (None, "")
        cause, message, advice = precondition
        return cls(REQUEST, message, advice=advice, status=status, text=text, cause=cause)

    def result(self) -> Dict[str, Any]:
        """Return the failed task's result, with ``cause`` and ``attempts``."""
        return {**super().result(), "cause": self.cause, "attempts": self.attempts}


def explain(error: ApiError, diagnose: Optional[Callable[[], Found]]) -> SyncFailure:
    """Return the failure that a failed sync means. ``diagnose`` reads the log, only where that knows more."""
    status, text = error.status, error.text
    if error.denied_by_system:
        message, advice = NOT_WRITABLE.message, NOT_WRITABLE.advice
        return SyncFailure(LICENSE, message, advice=advice, status=status, text=text, cause=NOT_WRITABLE.cause)
    if error.layer in (NETWORK, TLS) and not error.unknown_outcome:  # something else answered, with any status
        return _as_it_is(error)
    if status == 400 and not text.startswith(_GENERIC):
        return _refused(error)
    if error.not_found:
        return SyncFailure.lacking(CONNECTION_NOT_FOUND, error)
    if status in (400, 500) or error.unknown_outcome:
        return _cloud_side(error, diagnose() if diagnose is not None else NoDiagnosis("diagnose is false"))
    return _as_it_is(error)


def _refused(error: ApiError) -> SyncFailure:
    """Return the failure for a 400 of the server itself; its wording differs between releases."""
    text = error.text
    if text.startswith("Cloud communication is disabled"):
        return SyncFailure.lacking(COMMUNICATION_OFF, error)
    if text.startswith("Connection disabled"):
        return SyncFailure.lacking(CONNECTION_DISABLED, error)
    if "Billing Sync Key" in text or text.startswith("No saved Connection config"):
        return SyncFailure.lacking(NO_TOKEN, error)
    row = rejection_row(text)
    if row is None:
        unreadable = "Connection config" in text
        advice = _SAVE_AGAIN if unreadable else "Read the log of the server's api container."
        cause = "no_connection" if unreadable else "unknown"
        message = f'The server refused the sync: "{quoted(text)}"'
        return SyncFailure(REQUEST, message, advice=advice, status=error.status, text=text, cause=cause)
    return SyncFailure(
        LICENSE,
        f'The server rejected the license that the cloud sent: "{quoted(text)}"',
        advice=sync_advice(text) or REJECTED.advice,
        status=error.status,
        text=text,
        cause="license_rejected",
    )


def _cloud_side(error: ApiError, found: Found) -> SyncFailure:
    known = usable(found)
    if known is not None:
        return SyncFailure(
            LICENSE if known.cause == "license_rejected" else CLOUD,
            f"The license sync failed: {known.message}",
            advice=known.advice,
            status=error.status,
            text=error.text,
            cause=known.cause,
            transient=known.transient,
        )
    if error.status != 400 and error.unknown_outcome:
        return _as_it_is(error)
    if isinstance(found, NoDiagnosis):
        log = f"which was not read ({found.reason})"
    elif isinstance(found, Diagnosis):
        log = f"which says: {found.message}"
    else:
        log = "which shows no failure of that time"
    if error.status == 500:
        message = (
            "The server failed (500) while it synced the license. The reason is in the log of its api container, "
            f"{log}."
        )
        return SyncFailure(SERVER, message, advice=_FAILED, status=error.status, text=error.text, cause="unknown")
    return SyncFailure(
        CLOUD,
        "The license sync failed between the server and Bitwarden's cloud. The server's response does not say why; "
        f"the reason is in the log of its api container, {log}.",
        advice=_LIKELY,
        status=error.status,
        text=error.text,
        cause="unknown",
    )


def _as_it_is(error: ApiError) -> SyncFailure:
    """Return the failure of a request that did not reach the server: it says itself what it is."""
    lost = " Whether the license was synced is not known." if error.unknown_outcome else ""
    return SyncFailure(
        error.layer,
        f"{error.message}{lost}",
        advice=error.advice,
        status=error.status,
        text=error.text,
        cause="server",
        transient=error.transient,
    )
