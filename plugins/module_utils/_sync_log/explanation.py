# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the server's answer to a license sync, and its log, to the true cause."""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional

from .._api.errors import CLOUD, LICENSE, REQUEST, ApiError
from .._api.organizations import Organization
from .._licenses.problems import sync_advice
from .diagnosis import Diagnosis, NoDiagnosis, usable

# The Api's one answer to everything that goes wrong between it and the cloud.
_GENERIC = "An error has occurred"

_LIKELY = (
    "Likely causes: the billing sync token is wrong or was rotated in the cloud; the installation id or key is wrong, "
    "or of another region than the server is set to; the subscription is not active; the api container does not reach "
    "the cloud; or more than ten syncs within a minute from one address (then it works a minute later)."
)
_TOKEN = "Apply the token first (selfhosted.bitwarden.billing_sync)."


class SyncFailure(ApiError):
    """A license sync that failed, or could not begin. ``cause`` is a code, ``passes`` says that waiting helps."""

    def __init__(self, layer: str, message: str, *, cause: str, passes: bool = False, **more: Any) -> None:
        super().__init__(layer, message, **more)
        self.cause = cause
        self.passes = passes
        self.attempts = 0

    def result(self) -> Dict[str, Any]:
        """The failed task's result, with ``cause`` and ``attempts``."""
        return {**super().result(), "cause": self.cause, "attempts": self.attempts}


def explain(error: ApiError, organization: Organization, diagnose: Optional[Callable[[], Any]]) -> SyncFailure:
    """What a failed request to sync means. ``diagnose`` reads the log; it is asked only where the log knows more."""
    status, text = error.status, error.text
    if status == 400 and not text.startswith(_GENERIC):
        return _refused(error, organization)
    if status == 404:
        return SyncFailure(
            REQUEST,
            f"The server has no connection of {organization.name} to sync by, or the account is no owner any more.",
            advice=_TOKEN,
            status=status,
            cause="no_connection",
        )
    if status in (400, 500) or error.unknown_outcome:
        return _cloud_side(error, diagnose() if diagnose is not None else NoDiagnosis("diagnose is false"))
    return _as_it_is(error)


def _refused(error: ApiError, organization: Organization) -> SyncFailure:
    """A 400 of the server itself. Its wording differs between releases; what is not known speaks of the license."""
    text = error.text
    if text.startswith("Cloud communication is disabled"):
        cause, message = "cloud_communication_off", "Cloud communication is off in the running server."
        advice = "Set globalSettings__enableCloudCommunication=true and restart the server."
    elif text.startswith("Connection disabled"):
        cause, message = "connection_disabled", f"The connection of {organization.name} to the cloud is disabled."
        advice = _TOKEN
    elif "Billing Sync Key" in text or "Connection config" in text:
        cause, message = "no_connection", f"The connection of {organization.name} holds no billing sync token."
        advice = _TOKEN
    else:
        return SyncFailure(
            LICENSE,
            f"The server rejected the license that the cloud sent: {text}",
            advice=sync_advice(text),
            status=error.status,
            text=text,
            cause="license_rejected",
        )
    return SyncFailure(REQUEST, message, advice=advice, status=error.status, text=text, cause=cause)


def _cloud_side(error: ApiError, found: Any) -> SyncFailure:
    known = usable(found)
    if known is not None:
        return SyncFailure(
            LICENSE if known.cause == "license_rejected" else CLOUD,
            f"The license sync failed: {known.message}",
            advice=known.advice,
            status=error.status,
            text=error.text,
            cause=known.cause,
            passes=known.passes,
        )
    if error.status != 400 and error.unknown_outcome:
        return _as_it_is(error)
    if isinstance(found, NoDiagnosis):
        log = f"which was not read ({found.reason})"
    elif isinstance(found, Diagnosis):
        log = f"which says: {found.message}"
    else:
        log = "which shows no failure of that time"
    uris = "globalSettings__installation__identityUri or __apiUri may be malformed. " if error.status == 500 else ""
    return SyncFailure(
        CLOUD,
        "The license sync failed between the server and Bitwarden's cloud. The server's answer does not say why; "
        f"the reason is in the log of its api container, {log}.",
        advice=uris + _LIKELY,
        status=error.status,
        text=error.text,
        cause="unknown",
    )


def _as_it_is(error: ApiError) -> SyncFailure:
    """A failure on the way to the server: it says itself what it is."""
    return SyncFailure(
        error.layer,
        error.message,
        advice=error.advice,
        status=error.status,
        text=error.text,
        cause="server",
        passes=error.transient,
    )
