# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module fleet_status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError, message_of
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status import files, prometheus, thresholds
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.status import (
    ORGANIZATION,
    SERVER,
    host_status,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import new_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._fleet_table import show_table
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options

_RESULTS = {SERVER: {"type": "dict", "required": True}, ORGANIZATION: {"type": "dict", "default": {}}}
_FILES = {"status_file": {"type": "path"}, "prometheus_file": {"type": "path"}}
_OPTIONS = {**_RESULTS, **thresholds.OPTIONS, **_FILES}


class ActionModule(BitwardenAction):
    """Judges what was gathered on a fleet, on the controller: prints its table and writes files for programs."""

    TRANSFERS_FILES = False

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification."""
        return _OPTIONS

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the status of each host, and why hosts are to fail. Wrong files do not keep the table back."""
        options, faults = check_options("fleet_status", _OPTIONS, self._task.args)
        faults += thresholds.duration_faults(options)
        if faults:
            raise BitwardenError(" ".join(faults))
        limits, now = thresholds.read_thresholds(options), datetime.now(timezone.utc)
        hosts = {
            str(name): host_status({step: options[step].get(name) for step in _RESULTS}, limits, now)
            for name in options[SERVER]
        }
        failing = {name: text for name, text in ((name, limits.failing(one)) for name, one in hosts.items()) if text}
        result = {"changed": False, "hosts": hosts, "failing": failing, **show_table(hosts)}
        contents = {
            "status_file": files.document(hosts, failing, now).encode(),
            "prometheus_file": prometheus.render(hosts, now).encode(),
        }
        return {**result, **self._write({name: options[name] for name in _FILES}, contents, task_vars)}

    def _write(
        self, given: Mapping[str, str | None], contents: Mapping[str, bytes], task_vars: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Write the files that are given, all or, where one cannot be written, none; check mode only compares."""
        paths = {name: new_file(self, path, task_vars) for name, path in given.items() if path}
        faults = [text for name, path in paths.items() for text in files.path_faults(name, path)]
        if faults:
            return {"failed": True, "msg": " ".join(faults)}
        changed = {name: path for name, path in paths.items() if files.differs(path, contents[name])}
        for name, path in changed.items() if not self._task.check_mode else ():
            try:
                files.write(path, contents[name])
            except OSError as error:
                return {"failed": True, "msg": f"{name}: {message_of(error)}"}
        return {"changed": bool(changed), "files": sorted(paths.values())}
