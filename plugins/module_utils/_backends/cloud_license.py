# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Download an organization's license from the cloud, for one installation (module cloud_license)."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Dict, Mapping, NamedTuple, Optional

from .._api.errors import LICENSE, NETWORK, REQUEST, ApiError
from .._api.organizations import Organization
from .._cloud import private_file
from .._cloud.account import CloudAccount, CloudError, cloud_account
from .._cloud.argspec import CLOUD_OPTIONS
from .._common.diff import Difference
from .._licenses.document import LicenseDocument, parse_license_text
from .._licenses.fields import SECRET_FIELDS, differences, field_text
from .._licenses.problems import LicenseError
from .._settings.types import guid_text, validation_error

OPTIONS: Dict[str, Any] = {
    **CLOUD_OPTIONS,
    "installation_id": {"type": "str", "required": True},
    "dest": {"type": "path"},
}

# A license's token lives a year from its issue: a file that is older than this is worth a new one.
NEW_ISSUE_AFTER = timedelta(days=30)


class Rejection(NamedTuple):
    """Why the cloud gives no license: its text, the cause in one word, and what to do."""

    message: str
    cause: str
    advice: str


INSTALLATION = Rejection(
    "Invalid installation id",
    "installation",
    "The cloud does not know this installation, or has disabled it. Check installation_id, and that it is of this "
    "region (option cloud).",
)
NO_SUBSCRIPTION = Rejection(
    "No active subscription found", "no_subscription", "Renew the organization's subscription in the cloud."
)
PAYMENT = Rejection(
    "Unable to generate license due to a payment issue",
    "payment",
    "Update the payment method of the organization in the cloud.",
)


def perform(
    params: Mapping[str, Any], check_mode: bool, decrypt: private_file.Decrypt = private_file.no_vault
) -> Dict[str, Any]:
    """Download, compare with the file, write it where it differs. Raises ``ApiError``."""
    installation = _installation_id(str(params["installation_id"]))
    with cloud_account(params) as account:
        organization = account.organization(params["organization"])
        text = _download(account, organization, installation)
        try:
            license_ = parse_license_text(text)
        except LicenseError as error:
            raise ApiError(NETWORK, f"The cloud's license cannot be used: {error.problem.message}") from None
        result = {"organization": organization.named(), "installation_id": installation, **license_.facts()}
        if not params["dest"]:
            # The license holds its key, and the token that is as good as a signature.
            return {**result, "changed": False, "license": text, "_ansible_no_log": True}
        dest = str(params["dest"])
        present = private_file.read(dest, decrypt)
        found = file_difference(present.content if present else None, license_)
        if present and present.open_to_others:
            found.compare("mode", f"{present.mode:04o}", "0600")
        if found:
            if present and present.encrypted:
                raise _encrypted(dest, found)
            private_file.require_writable(dest)
            if not check_mode:
                private_file.write(dest, text)
        return {**result, "changed": bool(found), "dest": dest, "changes": found.summary(), "diff": found.diff(dest)}


def _installation_id(text: str) -> str:
    """Return the id in one form. Servers accept it with capitals and in braces, too. Raises ``ApiError``."""
    if validation_error("guid", text) is not None:
        raise ApiError(
            REQUEST,
            "installation_id is not a GUID, or all zeros.",
            advice="Modules server and server_info return it.",
        )
    return str(guid_text(text))


def _encrypted(dest: str, found: Difference) -> CloudError:
    differs = ", ".join(change.key for change in found.changes)
    return CloudError.made(
        "encrypted",
        REQUEST,
        f"dest is encrypted, and the cloud's license differs from it ({differs}): it is not replaced by plain text.",
        f"Download the license to another file, encrypt that (ansible-vault encrypt), and put it in place of {dest}.",
    )


def _download(account: CloudAccount, organization: Organization, installation: str) -> str:
    path = f"/organizations/{organization.id}/license?installationId={installation}"
    try:
        response = account.get(path, "download the organization's license")
    except ApiError as error:
        for rejection in (INSTALLATION, NO_SUBSCRIPTION, PAYMENT):
            if rejection.message in error.text:
                rejected = CloudError.of(error, rejection.cause, advice=rejection.advice)
                rejected.layer = LICENSE
                raise rejected from None
        raise
    return json.dumps(response, indent=2, ensure_ascii=False) + "\n"


def file_difference(content: Optional[bytes], license_: LicenseDocument) -> Difference:
    """Return what the file ``content`` lacks of the license; a later issue of the same differs only after a month."""
    found = Difference()
    if content is None:
        found.compare("file", None, "license")
        return found
    try:
        present = parse_license_text(content)
    except LicenseError as error:
        found.compare("file", error.problem.message, "license")
        return found
    for name, before, after in differences(present.fields, license_.fields):
        found.compare(name, field_text(before), field_text(after), secret=name in SECRET_FIELDS)
    if not found and present.issued and license_.issued and license_.issued - present.issued > NEW_ISSUE_AFTER:
        found.compare("Issued", present.fields["Issued"], license_.fields["Issued"])
    return found
