# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What became of an update, for the status of a host."""

from __future__ import annotations

import re
from typing import Any, List, Mapping, Optional

from .._common.versions import version_numbers
from .._licenses.problems import VERSION

Result = Mapping[str, Any]

# What a server, and this collection, say of a license that is too new. Of version 0 they read no field.
_TOO_NEW = re.compile(r"\bVersion [1-9]\d* (?:is not supported|of licenses is unknown)")
_NEVER = (
    "The playbook selfhosted.bitwarden.update does it, or this role with bitwarden_update set to if_needed; then run "
    "this again."
)
_NOT_ENOUGH = "It is on {version}, which is the release that bitwarden_update_version asks for."

# What Ansible itself warns of when it first runs a module on a host.
_OF_ANSIBLE = "discovered Python interpreter"


def update_actions(update: Result) -> List[str]:
    """Return what was done, in check mode what would be."""
    if not update.get("changed"):
        return []
    after = _core(update, "after")
    if not update.get("failed") or _was_down(update):
        updated = [f"update to {after}"] if _is_update(update) else ["scripts"]
        return updated + (["rollback"] if update.get("rolled_back") else [])
    return (["images"] if update.get("images") else []) + (["backup"] if update.get("backup") else [])


def update_helps(result: Result) -> bool:
    """Return whether a step failed because the server is too old for the version of its license."""
    text = str(result.get("msg") or "")
    of_license = result.get("cause") in (VERSION.cause, "license_rejected") or result.get("layer") == "license"
    return bool(result.get("failed") and of_license and _TOO_NEW.search(text))


def update_advice(update: Result) -> str:
    """Return what to do about a server that is too old; ``update``: the result of an update in this run, if any."""
    version = running_version(update, False)
    return _NOT_ENOUGH.format(version=version) if version else _NEVER


def running_version(update: Result, predicted: bool) -> Optional[str]:
    """Return the version that is running after the update, ``None`` where that is not known."""
    if predicted or update.get("rolled_back") or (update.get("failed") and not _was_down(update)):
        return _core(update, "before")
    return None if update.get("failed") else _core(update, "after")


def module_warnings(result: Result) -> List[str]:
    """Return the warnings of a module, without those of Ansible itself."""
    return [str(one) for one in result.get("warnings") or [] if _OF_ANSIBLE not in str(one)]


def _was_down(update: Result) -> bool:
    """Return whether the server was stopped, so that it is or was on the new version."""
    return bool(update.get("rolled_back") or update.get("downtime"))


def _is_update(update: Result) -> bool:
    before, after = update.get("before") or {}, update.get("after") or {}
    parts = [part for part in after if before.get(part)]
    return any(version_numbers(before[part]) != version_numbers(after[part]) for part in parts) or not before


def _core(update: Result, when: str) -> Optional[str]:
    version = (update.get(when) or {}).get("core")
    return None if version is None else str(version)
