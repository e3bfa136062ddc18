# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What module server_unchanged finds, from the options of module server, as the action plugin asks it."""

from __future__ import annotations

from copy import deepcopy

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.unchanged import Desired, unchanged
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.unchanged_options import unchanged_check

DEFAULTS = {"script": None, "state": "started", "wait": True, "pull": True, "config": None, "certificate": None}
_RECORDS = ("processes", "asked", "limits", "inspections")


def asked_first(host, settings=None, /, check_mode=False, **options):
    """Return the result of module server where the small module has it, and the warnings; None where it has not.

    What the host records is as before.
    """
    request = (settings or SettingsRequest())._asdict()
    values = {**DEFAULTS, "bwdata": str(host.bwdata), **options, **request, "wait_timeout": "60s"}
    check = unchanged_check(values)
    if check is None:
        return None, []
    records = {name: deepcopy(getattr(host, name)) for name in _RECORDS}
    given = check.options
    desired = Desired(
        given["bwdata"],
        given["file"],
        {**given["settings"], **given["secret_settings"]},
        given["region"],
        given["script"],
        given["pull"],
        given["wait"] and not check_mode,
        given["timeout"],
    )
    result = unchanged(desired, {}, lambda: host.now)
    for name, value in records.items():
        setattr(host, name, value)
    return (result and {**result, "warnings": check.warnings}), check.warnings
