# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The variables of the role: which option each becomes, their names in messages, and names that look mistyped."""

from __future__ import annotations

import difflib
import re
from typing import Any, Collection, Dict, Iterable, List, Mapping, Optional

PREFIX = "bitwarden_"

_SHARED = (
    "client_id", "client_secret", "organization", "validate_certs", "ca_path", "client_cert", "client_key", "timeout",
)  # fmt: skip


def _plain(*options: str) -> Dict[str, str]:
    return {option: PREFIX + option for option in options}


#: Option -> variable, of what each step runs.
SERVER: Mapping[str, str] = _plain(
    "bwdata", "script", "region", "settings", "secret_settings", "config", "certificate", "pull", "rollback",
    "wait_timeout",
)  # fmt: skip
API: Mapping[str, str] = _plain("url", "api_url", "identity_url", *_SHARED, "headers", "run_on")
ORGANIZATION: Mapping[str, str] = {
    **API,
    **_plain(
        "billing_sync_token", "license_max_age", "license_expiry_warning", "sponsorships_max_age", "wait_timeout",
        "retry_timeout", "egress", "syncs_per_minute", "bwdata",
    ),
}  # fmt: skip
CLOUD: Mapping[str, str] = {
    **{option: f"{PREFIX}cloud_{option}" for option in _SHARED},
    "cloud": "bitwarden_cloud",
    "master_password": "bitwarden_cloud_password",
    "retry_timeout": "bitwarden_retry_timeout",
    "max_age": "bitwarden_token_max_age",
}
#: Those of the role update, which the role families_sync can run.
UPDATE: Mapping[str, str] = {
    **_plain("bwdata", "script", "backup_dest"),
    **{
        option: f"{PREFIX}update_{option}"
        for option in (
            "version", "source", "remote_src", "pull", "try_database", "self_updating_jobs", "backup_max_age",
            "rollback", "pull_timeout", "database_timeout", "wait_timeout", "lock_timeout",
        )
    },
}  # fmt: skip
#: What is gathered on the host at the end, where that is asked for.
GATHER = "bitwarden_gather"
SERVER_INFO: Mapping[str, str] = _plain("bwdata", "script", "backup_dest", "gather")
#: Those of the role restore.
RESTORE: Mapping[str, str] = {
    **_plain("bwdata", "script", "owner", "pull", "wait_timeout"),
    **{
        option: f"{PREFIX}restore_{option}"
        for option in (
            "set", "src", "confirm", "isolated", "state", "identity", "client_id", "client_secret",
            "allow_other_installation", "allow_other_url", "allow_other_version", "safety_backup", "rollback",
            "database_timeout", "lock_timeout",
        )
    },
    "safety_dest": "bitwarden_backup_dest",
}  # fmt: skip
#: The folder of a drill, in place of that of the server.
DRILL = "bitwarden_restore_drill_bwdata"
#: Those of the playbooks.
PLAYBOOK = ("bitwarden_hosts", "bitwarden_serial", "bitwarden_max_fail_percentage", "bitwarden_canary")
#: The fact that the role sets.
STATUS = "bitwarden_status"
#: Variables whose values no message may show.
SECRETS = (
    "bitwarden_client_secret", "bitwarden_headers", "bitwarden_billing_sync_token", "bitwarden_cloud_client_secret",
    "bitwarden_cloud_password", "bitwarden_secret_settings",
)  # fmt: skip

#: Plugin -> the options that its messages are about; those of others are the organization's.
_OPTIONS_OF = {
    "families_sync_apply": SERVER,
    "cloud_connectivity_info": SERVER,
    "server_info": SERVER,
    "billing_sync_token": CLOUD,
    "cloud_license": CLOUD,
    "update_apply": UPDATE,
    "restore_apply": RESTORE,
}
#: Step of a failed result that is about the account in the cloud.
_FETCH = "fetch"
_NEAR = 0.75


def with_variables(text: str, names: Mapping[str, str]) -> str:
    """Return a message about options (of ``names``) as one about the variables that they come from.

    An option is recognised as the first word of a sentence about it, after "option", or by the underscore in its name.
    """
    for option, variable in names.items():
        name = re.escape(option)
        text = re.sub(rf"\b[Oo]ption {name}\b(?!=)", variable, text)
        if "_" in option:
            text = re.sub(rf"(?<![\w.]){name}\b(?![=.]\w)", variable, text)
        else:
            text = re.sub(rf"(?:(?<=\A)|(?<=\. )){name}(?=:|\.\w+:| (?:is|must|has|needs)\b)", variable, text)
            text = re.sub(rf"\b(Check|Set) {name}\b(?=[,.:]| to\b)", rf"\g<1> {variable}", text)
        if option == "settings":
            text = re.sub(r"\bin settings\b", f"in {variable}", text)
    return text


def names_of(plugin: str, result: Mapping[str, Any]) -> Mapping[str, str]:
    """Return option -> variable for what a task of the role says in its result."""
    return CLOUD if result.get("step") == _FETCH else _OPTIONS_OF.get(plugin, ORGANIZATION)


def renamed(result: Dict[str, Any], names: Mapping[str, str]) -> Dict[str, Any]:
    """Return the result of a failed task with variables in place of options in its message."""
    texts = {key: result[key] for key in ("msg", "advice") if isinstance(result.get(key), str)}
    return {**result, **{key: with_variables(text, names) for key, text in texts.items()}}


def mistyped(names: Iterable[str], known: Collection[str]) -> Dict[str, str]:
    """Return the variables that nobody reads and that resemble one of the role, with the name that they resemble."""
    bare = {name[len(PREFIX) :]: name for name in known}
    found = {}
    for name in names:
        if name in known or not name.lower().startswith("b"):
            continue
        near = _nearest(name, bare)
        if near:
            found[name] = near
    return found


def _nearest(name: str, bare: Mapping[str, str]) -> Optional[str]:
    name, first = name.lower(), PREFIX.rstrip("_")
    if name.startswith(first) and name[len(first) :] in bare:  # the underscore is missing
        return bare[name[len(first) :]]
    prefix, _underscore, rest = name.partition("_")
    if not difflib.get_close_matches(prefix, [first], cutoff=0.8):
        return None
    near: List[str] = difflib.get_close_matches(rest, list(bare), n=1, cutoff=_NEAR)
    return bare[near[0]] if near else None
