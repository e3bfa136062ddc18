# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_plan."""

from __future__ import annotations

from typing import Any, Dict, Optional

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.plan import (
    PlanError,
    Variables,
    make_plan,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.steps import selected_steps

_DURATIONS = (
    "wait_timeout",
    "retry_timeout",
    "license_max_age",
    "license_expiry_warning",
    "sponsorships_max_age",
    "token_max_age",
)


class ActionModule(ActionBase):  # type: ignore[misc]
    """Decides on the controller what the role families_sync does on a host."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Return the plan for the host. It holds nothing secret."""
        task_vars = task_vars or {}
        result: Dict[str, Any] = super().run(tmp, task_vars)
        selected = selected_steps(
            self._task.tags, task_vars.get("ansible_run_tags") or (), task_vars.get("ansible_skip_tags") or ()
        )
        try:
            plan = make_plan(self._variables(task_vars), selected, self._has_file)
        except PlanError as error:
            return {**result, "failed": True, "changed": False, **error.result()}
        return {**result, "changed": False, **plan.facts()}

    def _variables(self, task_vars: Dict[str, Any]) -> Variables:
        """Read the variables of the role. Raises ``PlanError``."""

        def value(name: str, default: Any = "") -> Any:
            # Templates cost much more than plain values, and most variables are plain.
            found = self._templar.template(task_vars.get(name, default))
            return default if found is None else found

        def flag(name: str) -> bool:
            try:
                return bool(boolean(value(name, False)))
            except TypeError:
                raise PlanError(f"{name} must be true or false.") from None

        cloud = value("bitwarden_cloud")
        return Variables(
            license_only=flag("families_sync_license_only"),
            offline=flag("bitwarden_offline"),
            region=str(value("bitwarden_region")),
            pull=flag("bitwarden_pull") if task_vars.get("bitwarden_pull") is not None else None,
            preflight=str(value("bitwarden_preflight")),
            cloud=cloud if isinstance(cloud, dict) else str(cloud),
            cloud_client_id=str(value("bitwarden_cloud_client_id")),
            cloud_organization=str(value("bitwarden_cloud_organization")),
            billing_sync_token_given=bool(str(value("bitwarden_billing_sync_token"))),
            rotate=flag("bitwarden_rotate"),
            license=str(value("bitwarden_license")),
            license_file=str(value("bitwarden_license_file")),
            durations={name: value(f"bitwarden_{name}", None) for name in _DURATIONS},
        )

    def _has_file(self, path: str) -> bool:
        """Return whether the file exists, searched as ``copy`` searches its sources."""
        if self._task.check_mode:
            # An earlier task may bring it.
            return True
        try:
            return bool(self._find_needle("files", path))
        except AnsibleError:
            return False
