# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.steps import check_tags
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import FAMILIES_SYNC, BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_check import check_run
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import inherited

_CHECKED = "families_sync_checked"
_PLAYBOOK = "families_sync"


def _whole_run() -> bool:
    """Return whether the collection's playbook is all that was started, so that no other play can have a tag."""
    started = [str(name) for name in context.CLIARGS.get("args") or ()]
    names = {Path(name).stem if name.endswith((".yml", ".yaml")) else name.rpartition(".")[2] for name in started}
    return names == {_PLAYBOOK}


class ActionModule(BitwardenAction):
    """Checks the variables of all hosts on the controller, and decides what the role families_sync does on each."""

    TRANSFERS_FILES = False
    OF_ROLE = FAMILIES_SYNC

    def options(self) -> Mapping[str, Any]:
        """Return the options: none."""
        return {}

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the plans by host. They hold nothing secret. The first batch checks the hosts of all batches."""
        if _whole_run():
            tags = (task_vars.get(f"ansible_{kind}_tags") or () for kind in ("run", "skip"))
            check_tags(inherited(self._task, "tags"), *tags)
        known = task_vars["hostvars"].raw_get("localhost").get(_CHECKED)
        names = task_vars["ansible_play_batch" if known == self._task._uuid else "ansible_play_hosts_all"]
        result = check_run(self, task_vars, list(names))
        if not result["warnings"]:
            del result["warnings"]
        return {"changed": False, **result, **set_facts(self, {_CHECKED: self._task._uuid})}
