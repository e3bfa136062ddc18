# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Upload a license where the server's own differs from it or is older (module license)."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from .._api.argspec import API_OPTIONS
from .._api.connections import read_connection
from .._api.errors import ApiError
from .._api.organizations import Organization, find_organization
from .._api.session import ASSUME_READY, connected, server_is_down
from .._api.subscription import read_license
from .host_reading import Inspect
from .license_upload import LicenseUpload, UploadPlan, as_rejection, parse_content
from .sync_due import expiry_warnings, organization_problems

OPTIONS: Dict[str, Any] = {
    **API_OPTIONS,
    **ASSUME_READY,
    "src": {"type": "path"},
    "content": {"type": "raw", "no_log": True},
    "force": {"type": "bool", "default": False},
    "inspect": {"type": "bool", "default": True},
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
}


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
            if plan.needed:
                if not check_mode:
                    upload.apply(content, plan, inspect)
                current = upload.judged(account.client.server_time())
            else:
                upload.warnings.extend(organization_problems(organization, current))
            upload.warnings.extend(expiry_warnings(current))
            return _result(organization, plan, upload.warnings, check_mode)
    except ApiError as error:
        if check_mode and params["assume_ready"] and server_is_down(error):
            return not_known(str(error), license_.facts())
        raise as_rejection(error) from None


def _result(organization: Organization, plan: UploadPlan, warnings: List[str], check_mode: bool) -> Dict[str, Any]:
    return {
        "changed": plan.needed,
        "uploaded": plan.needed and not check_mode,
        "reason": plan.reason,
        "compared": plan.compared,
        "organization": organization.named(),
        "changes": plan.difference.summary() if plan.needed else [],
        "license": {"before": plan.before, "after": plan.after},
        "warnings": list(dict.fromkeys(warnings)),  # upload and license may be warned of in the same words
        **({"diff": plan.difference.diff(f"license of {organization.name}")} if plan.needed else {}),
    }


def not_known(reason: str, after: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    """Return the result of a check mode that cannot tell. ``after``: the facts of the license, if there is one."""
    return {
        "changed": False, "uploaded": False, "reason": "unknown", "compared": None, "organization": None,
        "changes": [], "license": {"before": None, "after": after},
        "warnings": [f"Whether the license would be uploaded is not known: {reason}"],
    }  # fmt: skip
