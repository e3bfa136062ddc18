# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module backup."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, Dict, List, Mapping

from ansible.errors import AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.fetching import (
    OPTION,
    Archive,
    FetchError,
    folder_problems,
    host_folder,
    is_present,
    prune,
    receive,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.retention import Dated, Retention
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.diff import Difference
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import EXPECTED, message_of
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._files import new_file
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._set_fetch import remote_pieces


class ActionModule(HostActionModule):
    """Run the module of the same name on the host, then fetch the set to the controller where the task says so."""

    MODULE = "backup"

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Run the module. A set that is not fetched is a failure, with what the module has done."""
        self._variables = task_vars
        result = super().execute(task_vars)
        dest = self._task.args.get(OPTION)
        if not dest or result.get("failed") or result.get("unreachable") or result.get("skipped"):
            return result
        options, _faults = check_options(self.MODULE, HOST_MODULES[self.MODULE], self._task.args)
        try:
            folder = self._folder(str(dest))
            fetch = self._fetch(result, folder, options)
        except (*EXPECTED, AnsibleError) as error:
            reason = str(error) if isinstance(error, AnsibleError) else message_of(error)
            return {**result, "failed": True, "msg": f"The backup set was not fetched: {reason}", "fetch": None}
        fetched = fetch["fetched"] or fetch["removed"]
        found = {**result, "changed": bool(result.get("changed") or fetched), "fetch": fetch}
        if self._task.diff and fetched:
            before = result.get("diff") or []
            found["diff"] = [*(before if isinstance(before, list) else [before]), _diff(folder, fetch)]
        return found

    def faults_of(self, arguments: Mapping[str, Any]) -> List[str]:
        """Return why nothing can be fetched to where the task says."""
        dest = arguments.get(OPTION)
        if not dest:
            return []
        faults = [f"{OPTION} does not work with async."] if self._task.async_val else []
        try:
            return faults + folder_problems(self._folder(str(dest)))
        except FetchError as error:
            return [*faults, str(error)]

    def _folder(self, dest: str) -> str:
        found = new_file(self, str(Path(dest).expanduser()), self._variables)
        return host_folder(found, str(self._variables["inventory_hostname"]))

    def _fetch(self, result: Mapping[str, Any], folder: str, options: Mapping[str, Any]) -> Dict[str, Any]:
        """Return what was done, or in check mode would be."""
        now, check_mode = datetime.now(timezone.utc), bool(self._task.check_mode)
        path, missing = None, True
        new = Dated(now, options["verify"] != "none")
        if result["manifest"] is not None:  # else it would be made
            archive = Archive(str(result["path"]), result["manifest"])
            path, missing, new = str(Path(folder, archive.name)), not is_present(folder, archive), archive.dated
            if missing and not check_mode:
                receive(folder, archive, partial(remote_pieces, self))
        rule = Retention(options["keep"], options["keep_days"])
        predicted = new if check_mode and missing else None
        removed = prune(folder, str(result["installation_id"]), rule, now, predicted, not check_mode)
        return {"path": path, "fetched": missing, "removed": removed}


def _diff(folder: str, fetch: Mapping[str, Any]) -> Dict[str, str]:
    difference = Difference()
    if fetch["fetched"]:
        difference.compare(Path(fetch["path"] or "new set").name, None, "fetched")
    for path in fetch["removed"]:
        difference.compare(Path(path).name, "backup set", None)
    return difference.diff(f"{folder} (controller)")
