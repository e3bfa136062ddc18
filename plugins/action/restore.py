# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module restore."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Dict, Mapping, Sequence

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._drill.options import (
    is_absent,
    restore_faults,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._set_transfer import send_set


class ActionModule(HostActionModule):
    """Run the module of the same name on the host, with a set of the controller copied there for that time."""

    MODULE = "restore"
    #: What messages call the options.
    names: Mapping[str, str] = MappingProxyType({})

    def faults_of(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """Return what is wrong with the options that depend on each other."""
        return restore_faults(arguments, self.names)

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module; a set that was sent is removed again, whatever came of it."""
        src = self._task.args.get("src")
        if is_absent(self._task.args):
            # What a drill was made from does not matter any more.
            self._task.args = {name: value for name, value in self._task.args.items() if name not in ("src", "set")}
            return super().execute(task_vars)
        if not src:
            return super().execute(task_vars)
        # All options are checked before a large set is on its way.
        self._checked_arguments(task_vars)
        try:
            path = send_set(self, str(src), task_vars)
            self._task.args = {**{name: value for name, value in self._task.args.items() if name != "src"}, "set": path}
            return super().execute(task_vars)
        except BaseException:
            # A task that ends by itself removes it.
            self._remove_tmp_path(self._connection._shell.tmpdir)
            raise
