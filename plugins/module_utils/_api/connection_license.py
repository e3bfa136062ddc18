# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the license file when the server saves no connection because of it."""

from __future__ import annotations

from .auth import Account
from .errors import LICENSE, SERVER, ApiError
from .organizations import Organization
from .subscription import (
    BROKEN,
    INVALID,
    NOT_PERMITTED,
    NOT_READ,
    UNKNOWN,
    UNREADABLE,
    UPLOAD_AGAIN,
    License,
    license_path,
    read_license,
)


def connection_refused(account: Account, organization: Organization, error: ApiError) -> ApiError:
    """Tell what is wrong with the license file where the server does not save the connection because of it.

    Other errors come back as they are.
    """
    file = license_path(organization)
    text = error.text
    if error.status == 400 and text.startswith("Version ") and text.endswith("is not supported."):
        return _version_error(error, file)
    if error.denied_by_system:
        message = f"The server may not read its license file ({file})."
        return ApiError(LICENSE, message, error.status, NOT_PERMITTED.advice, text=text)
    failed = error.status == 500 and error.layer == SERVER and not error.transient
    if failed or (error.status == 400 and "verify license" in text):
        return _license_file_error(account, organization, error, file)
    return error


def explained_by(license_: License, error: ApiError) -> ApiError:
    """Name the license where the server failed on one known to be broken; other errors come back as they are."""
    if error.status != 500 or error.transient or license_.state not in BROKEN:
        return error
    message = f"The server cannot use the organization's license. {license_.message}"
    found = ApiError(LICENSE, message, error.status, license_.advice, text=error.text)
    found.details = error.details
    return found


def _version_error(error: ApiError, file: str) -> ApiError:
    """Return the error of a license file of an unknown version; 0 means that the server read no field of it."""
    if error.text.startswith("Version 0 "):
        message = (
            f"The server reads nothing in its license file ({file}): its field names are in camel case, or it is not a "
            "license."
        )
        return ApiError(LICENSE, message, error.status, UPLOAD_AGAIN, text=error.text)
    unknown = f"The server does not know the version of its license file ({file}): {error.text}"
    advice = "Update the server, or have the license issued again."
    return ApiError(LICENSE, unknown, error.status, advice, text=error.text)


def _license_file_error(account: Account, organization: Organization, error: ApiError, file: str) -> ApiError:
    """Return the error of a license file on which the server fails; reading the subscription tells why."""
    try:
        state = read_license(account, organization)
    except ApiError:
        return error
    if state.state in (INVALID, UNREADABLE):
        return ApiError(LICENSE, state.message, error.status, state.advice, text=error.text)
    if error.status == 400:  # it says itself that it is the file (since 2026.6.2; before it failed with 500)
        message = f"The server cannot use the organization's license: its file ({file}) is missing."
        return ApiError(LICENSE, message, error.status, UPLOAD_AGAIN, text=error.text)
    if state.state == UNKNOWN and not state.response:
        message = f"{error.message} It fails to read the organization's license, too."
        return ApiError(SERVER, message, error.status, NOT_READ.advice.format(file=file), text=error.text)
    return error
