# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of module restore as the variables of a host set them, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import read_set
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import EXPECTED, message_of
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill.options import (
    is_absent,
    is_isolated,
    restore_faults,
    with_drill_folder,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync import variables
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.confirmations import shared_confirmations
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings import argspec
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._set_transfer import set_of_controller


def restore_options(action: ActionBase, host: RoleHost) -> dict[str, Any]:
    """Return the options that are set for a host; a drill has a folder of its own. Raises ``AnsibleError``."""
    defaults = host.module_defaults(action, "host", "restore")
    options = {**defaults, **host.options(variables.RESTORE)}
    return with_drill_folder(options, str(host.value(variables.DRILL) or ""))


def names_of_options(options: Mapping[str, Any]) -> dict[str, str]:
    """Return option -> variable for a restore, or for a drill."""
    return {**variables.RESTORE, **({"bwdata": variables.DRILL} if is_isolated(options) else {})}


def run_faults(action: ActionBase, hosts: list[RoleHost]) -> dict[str, list[str]]:
    """Return what is wrong with the variables of all hosts, by host, before any of them is touched."""
    found: dict[str, list[str]] = {}
    confirmed: dict[str, str] = {}
    for host in hosts:
        try:
            options = restore_options(action, host)
        except AnsibleError as error:
            found[host.name] = [f"A variable cannot be read: {str(error).rstrip('.')}."]
            continue
        found[host.name] = _faults(action, host, options)
        if options.get("confirm") and not is_isolated(options):
            confirmed[host.name] = str(options["confirm"])
    for name, text in shared_confirmations(confirmed).items():
        found[name].append(text)
    return {name: texts for name, texts in found.items() if texts}


def _faults(action: ActionBase, host: RoleHost, options: Mapping[str, Any]) -> list[str]:
    names = names_of_options(options)
    checked, faults = check_options("restore", argspec.HOST_MODULES["restore"], options)
    faults = faults + argspec.option_faults(checked)
    if options.get("src") and not options.get("set") and not is_absent(options):
        faults += _unreadable(action, str(options["src"]), host)
    texts = [variables.with_variables(text, names) for text in faults]
    return [*texts, *restore_faults(options, names)]


def _unreadable(action: ActionBase, src: str, host: RoleHost) -> list[str]:
    try:
        read_set(set_of_controller(action, src, host.raw))
    except EXPECTED as error:
        return [message_of(error)]
    return []
