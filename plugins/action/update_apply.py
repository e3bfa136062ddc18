# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module update_apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible_collections.selfhosted.bitwarden.plugins.action.update import ActionModule as UpdateAction
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.status import summarize
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_update.release import (
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

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the result of module update with the status of the host. A host that is down fails."""
        options = {**self._task.args, **update_options(self, this_host(self, task_vars))}
        self._task.args = {**options, "version": wanted_version(options, _earlier(task_vars))}
        result = self._in_terms_of_the_role(self._updated(task_vars))
        problem = str(result.get("msg") or "failed without a message") if result.get("failed") else ""
        result["status"] = summarize({"update": result}, problem, predicted=bool(self._task.check_mode))
        result[RELEASE] = release_of(options, result)
        return {**result, **set_facts(self, {"update_status": result["status"]})}

    def _updated(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        try:
            result: dict[str, Any] = super().execute(task_vars)
        except AnsibleConnectionFailure as error:
            return {"failed": True, "changed": False, "msg": f"unreachable: {error}"}
        except BitwardenError as error:
            return self._failure(error)
        return result


def _earlier(task_vars: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the results of the hosts of the play, each read only where those before it tell nothing."""
    for name in task_vars["ansible_play_hosts_all"]:
        yield task_vars["hostvars"].raw_get(name).get(_REGISTERED) or {}
