# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of the host modules, their checks, and the settings request that they give."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Mapping, MutableMapping

from .._common.durations import DurationError, parse_duration
from .._common.errors import BitwardenError
from .._common.masking import MASK
from .override_file import BACKUP_COUNT, FILES
from .regions import CLOUDS
from .resolve import SettingsRequest
from .secrecy import is_secret_setting
from .set_options import set_faults
from .types import validation_error

HOST_OPTIONS: Dict[str, Dict[str, Any]] = {
    "bwdata": {"type": "path", "default": "/opt/bitwarden/bwdata"},
}

#: The folder of the backup sets on a host.
BACKUP_DEST = "/var/backups/bitwarden"
BACKUP_FOLDER: Dict[str, Dict[str, Any]] = {"dest": {"type": "path", "default": BACKUP_DEST}}

# Of the action plugins: a host that cannot be reached is a failure, which a playbook can rescue.
UNREACHABLE: Dict[str, Dict[str, Any]] = {"fail_when_unreachable": {"type": "bool", "default": False}}

# The settings that a server should have.
DESIRED_OPTIONS: Dict[str, Dict[str, Any]] = {
    "settings": {"type": "dict", "default": {}},
    "secret_settings": {"type": "dict", "default": {}, "no_log": True},
    "cloud_communication": {"type": "bool"},
    "region": {"type": "str", "choices": sorted(CLOUDS)},
}

# The same, with how they are written.
SETTINGS_OPTIONS: Dict[str, Dict[str, Any]] = {
    "file": {"type": "str", "choices": list(FILES), "default": "global"},
    **DESIRED_OPTIONS,
    "unknown_settings": {"type": "str", "choices": ["warn", "fail", "ignore"], "default": "warn"},
    "backup": {"type": "bool", "default": False},
    "backup_count": {"type": "int", "default": BACKUP_COUNT},
    "lock_timeout": {"type": "str", "default": "15m"},
}

#: What server_info gathers beside the deployment itself.
GATHERED = ("available_versions", "certificate", "backup")

# The options of each host module, for the module and for its action plugin, which checks them before it sends any.
HOST_MODULES: Dict[str, Dict[str, Dict[str, Any]]] = {
    "override_env": {**HOST_OPTIONS, **SETTINGS_OPTIONS},
    "server": {
        **HOST_OPTIONS,
        **SETTINGS_OPTIONS,
        "script": {"type": "path"},
        "state": {"type": "str", "choices": ["started", "restarted", "stopped"], "default": "started"},
        "preflight": {"type": "str", "choices": ["auto", "fail", "warn", "skip"], "default": "auto"},
        "config": {"type": "dict"},
        # The action plugin puts the contents of the controller's files in place of their paths.
        "certificate": {
            "type": "dict",
            "no_log": True,
            "options": {
                "cert": {"type": "str", "required": True},
                "key": {"type": "str", "required": True, "no_log": True},
                "ca": {"type": "str"},
            },
        },
        **UNREACHABLE,
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "str", "default": "600s"},
        "rollback": {"type": "bool", "default": True},
        "pull": {"type": "bool", "default": True},
    },
    "restore": {
        **HOST_OPTIONS,
        **UNREACHABLE,
        "script": {"type": "path"},
        "set": {"type": "path"},
        # Of the action plugin.
        "src": {"type": "path"},
        "confirm": {"type": "str"},
        "isolated": {"type": "bool", "default": False},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "identity": {"type": "path"},
        "client_id": {"type": "str"},
        "client_secret": {"type": "str", "no_log": True},
        "allow_other_installation": {"type": "bool", "default": False},
        "allow_other_url": {"type": "bool", "default": False},
        "allow_other_version": {"type": "bool", "default": False},
        "owner": {"type": "str"},
        "safety_backup": {"type": "bool", "default": True},
        "safety_dest": {"type": "path", "default": BACKUP_DEST},
        "rollback": {"type": "bool", "default": True},
        "pull": {"type": "bool", "default": True},
        "database_timeout": {"type": "str", "default": "2h"},
        "wait_timeout": {"type": "str", "default": "600s"},
        "lock_timeout": {"type": "str", "default": "15m"},
    },
    "install": {
        **HOST_OPTIONS,
        **UNREACHABLE,
        "script": {"type": "path"},
        "domain": {"type": "str", "required": True},
        "installation_id": {"type": "str", "required": True},
        "installation_key": {"type": "str", "required": True, "no_log": True},
        "verify_installation": {"type": "bool", "default": True},
        "region": {"type": "str", "choices": sorted(CLOUDS), "default": "US"},
        "database_name": {"type": "str", "default": "vault"},
        "certificate": {
            "type": "str",
            "choices": ["self_signed", "files", "lets_encrypt", "none"],
            "default": "self_signed",
        },
        "certificate_files": {
            "type": "dict",
            # The action plugin puts the content of each file in place of its path.
            "options": {
                "cert": {"type": "str", "required": True},
                "key": {"type": "str", "required": True, "no_log": True},
                "ca": {"type": "str"},
            },
        },
        "config": {"type": "dict", "default": {}},
        "version": {"type": "str", "default": "latest"},
        "source": {"type": "str", "default": "download"},
        "remote_src": {"type": "bool", "default": False},
        "owner": {"type": "str"},
        "start": {"type": "bool", "default": True},
        "wait": {"type": "bool", "default": True},
        "wait_timeout": {"type": "str", "default": "600s"},
        "pull": {"type": "bool", "default": True},
        "lock_timeout": {"type": "str", "default": "15m"},
    },
    "update": {
        **HOST_OPTIONS,
        **UNREACHABLE,
        "script": {"type": "path"},
        "version": {"type": "str", "default": "latest"},
        "source": {"type": "str", "default": "download"},
        "remote_src": {"type": "bool", "default": False},
        "pull": {"type": "bool", "default": True},
        "try_database": {"type": "bool", "default": True},
        "self_updating_jobs": {"type": "str", "choices": ["fail", "warn"], "default": "fail"},
        "backup_dest": {"type": "path", "default": BACKUP_DEST},
        "backup_max_age": {"type": "str", "default": "0s"},
        "rollback": {"type": "bool", "default": True},
        "pull_timeout": {"type": "str", "default": "30m"},
        "database_timeout": {"type": "str", "default": "2h"},
        "wait_timeout": {"type": "str", "default": "600s"},
        "lock_timeout": {"type": "str", "default": "15m"},
    },
    "server_info": {
        **HOST_OPTIONS,
        "script": {"type": "path"},
        "organization": {"type": "str"},
        "show_settings": {"type": "bool", "default": True},
        "gather": {"type": "list", "elements": "str", "choices": list(GATHERED), "default": list(GATHERED)},
        "backup_dest": {"type": "path", "default": BACKUP_DEST},
        "timeout": {"type": "str", "default": "10s"},
    },
    "sync_log_info": {
        **HOST_OPTIONS,
        "organization": {"type": "str"},
        "kind": {"type": "str", "choices": ["license", "sponsorship"]},
        "since": {"type": "str", "default": "2d"},
    },
    "backup": {
        **HOST_OPTIONS,
        **UNREACHABLE,
        **BACKUP_FOLDER,
        "script": {"type": "path"},
        "max_age": {"type": "str", "default": "0s"},
        "keep": {"type": "int"},
        "keep_days": {"type": "int"},
        "database": {"type": "str", "choices": ["built_in", "none"]},
        "consistent": {"type": "str", "choices": ["online", "stopped"], "default": "online"},
        "verify": {"type": "str", "choices": ["checksum", "restore", "none"], "default": "checksum"},
        "format": {"type": "str", "choices": ["directory", "tar"], "default": "directory"},
        "encrypt": {
            "type": "dict",
            "options": {
                "recipients": {"type": "list", "elements": "str", "required": True},
                "program": {"type": "str", "choices": ["age", "gpg"]},
            },
        },
        # Of the action plugin.
        "fetch_dest": {"type": "path"},
        "database_timeout": {"type": "str", "default": "2h"},
        "wait_timeout": {"type": "str", "default": "600s"},
        "lock_timeout": {"type": "str", "default": "15m"},
    },
    "backup_info": {
        **HOST_OPTIONS,
        **BACKUP_FOLDER,
        "verify": {"type": "bool", "default": False},
    },
    "cloud_connectivity_info": {
        **HOST_OPTIONS,
        **DESIRED_OPTIONS,
        "timeout": {"type": "str", "default": "10s"},
        "login": {"type": "bool", "default": True},
        "unless_current": {"type": "bool", "default": False},
    },
}

_LIMITS = ("timeout", "wait_timeout", "database_timeout", "pull_timeout")
_DURATIONS = (*_LIMITS, "lock_timeout", "since", "max_age", "backup_max_age")


class OptionError(BitwardenError):
    """Options that cannot be used. The message names each of them."""


def option_faults(params: Mapping[str, Any]) -> List[str]:
    """Return what is wrong with the values of options, one sentence or two for each; ``params`` has their types."""
    faults = []
    for name in ("bwdata", "script", "backup_dest", "dest", "set", "identity", "safety_dest"):
        path = params.get(name)
        if isinstance(path, str) and not os.path.isabs(path):
            seen = f"{path} is not an absolute path" if path else "is empty"
            faults.append(f"{name}: {seen}. Set it to an absolute path on the host, or leave it out for the default.")
    for name in _DURATIONS:
        try:
            seconds = parse_duration(params.get(name, "1s"))
        except DurationError as error:
            faults.append(f"{name}: {error}")
            continue
        if name in _LIMITS and seconds <= 0:
            faults.append(f"{name} must be longer than zero.")
    count, organization = params.get("backup_count"), params.get("organization")
    if isinstance(count, int) and count < 0:
        faults.append("backup_count must not be negative. Set it to 0 to keep all backups.")
    if organization and validation_error("guid", str(organization)) is not None:
        faults.append(f"organization: {organization} is not the id of an organization, which is a GUID.")
    return faults + set_faults(params)


def read_durations(params: Mapping[str, Any]) -> Dict[str, float]:
    """Return the durations among a host module's options, in seconds, after a check of all options and of bwdata.

    Raises ``OptionError``.
    """
    faults = [*option_faults(params), *_folder_faults(params["bwdata"])]
    if faults:
        raise OptionError(" ".join(faults))
    return {name: parse_duration(params[name]) for name in _DURATIONS if name in params}


def _folder_faults(bwdata: str) -> List[str]:
    if os.path.exists(bwdata) and not os.path.isdir(bwdata):
        return [f"bwdata: {bwdata} is not a folder. Set it to the data folder of the server."]
    if not _is_data_folder(bwdata):
        near = [os.path.join(bwdata, "bwdata"), os.path.dirname(bwdata.rstrip("/"))]
        for one in filter(_is_data_folder, near):
            return [f"bwdata: {bwdata} is not the data folder of the server. Set it to {one}."]
    return []


def _is_data_folder(path: str) -> bool:
    return os.path.isfile(os.path.join(path, "env", FILES["global"]))


def request_from(params: MutableMapping[str, Any]) -> SettingsRequest:
    """Take the settings request out of a module's parameters and leave masked values there.

    What remains in ``params`` can be shown (Ansible returns it as ``invocation``). A module without the options of
    writing only reads, and leaves it to the one that writes to name unknown settings.
    """
    request = SettingsRequest(
        file=params.get("file", "global"),
        settings=dict(params["settings"] or {}),
        secret_settings=dict(params["secret_settings"] or {}),
        cloud_communication=params["cloud_communication"],
        region=params["region"],
        unknown_settings=params.get("unknown_settings", "ignore"),
    )
    params["secret_settings"] = dict.fromkeys(request.secret_settings, MASK)
    params["settings"] = {
        key: MASK if is_secret_setting(key, value) else value for key, value in request.settings.items()
    }
    return request
