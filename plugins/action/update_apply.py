# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module update_apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.action.update import ActionModule as UpdateAction
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.release import (
    RELEASE,
    release_of,
    wanted_version,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import UPDATE
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import this_host
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_update import update_options

_REGISTERED = "update_made"


class ActionModule(UpdateAction):
    """Run module update with the options that the variables of the role set, to the release of the whole run."""

    OF_ROLE = UPDATE
    # One that does cannot set facts.
    _supports_async = False

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the result of module update with the release that it found. A host that is down fails."""
        options = {**self._task.args, **update_options(self, this_host(self, task_vars))}
        version = wanted_version(options, _earlier(task_vars))
        self._task.args = {**options, "version": version, "fail_when_unreachable": True}
        result: dict[str, Any] = super().execute(task_vars)
        result[RELEASE] = release_of(options, result)
        # For the table of the fleet. Where the task fails, a rescue has to set it.
        return {**result, **set_facts(self, {"update_results": {"update": result}})}


def _earlier(task_vars: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the results of the hosts of the play, each read only where those before it tell nothing."""
    for name in task_vars["ansible_play_hosts_all"]:
        yield task_vars["hostvars"].raw_get(name).get(_REGISTERED) or {}
