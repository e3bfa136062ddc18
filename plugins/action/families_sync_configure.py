# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_configure."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional

from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.selfhosted.bitwarden.plugins.action.organization import ActionModule as OrganizationAction
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.request import (
    Results,
    TokenError,
    fetched_token,
    make_request,
)

#: The role's own defaults, where neither a variable nor the user's ``module_defaults`` say anything.
DEFAULTS = {"license_max_age": "7d", "wait_timeout": "600s"}


class ActionModule(OrganizationAction):
    """Run module organization with the options that follow from the earlier steps of the role."""

    def execute(self, task_vars: Dict[str, Any]) -> Dict[str, Any]:
        """Return the result of module organization; it fails where the token could not be fetched."""
        arguments = {**DEFAULTS, **self._task.args}
        second_pass = bool(boolean(arguments.pop("second_pass", False)))
        check_mode = bool(self._task.check_mode)
        plan = task_vars["families_sync_plan"]
        results = _results(task_vars, plan, second_pass)
        request = make_request(plan, results, check_mode, second_pass)
        missing: Optional[TokenError] = None
        if plan["token_source"] and (second_pass or not plan["rotate"]):
            try:
                arguments["billing_sync_token"] = fetched_token(plan, results, check_mode)
            except TokenError as error:
                missing = error
        if "token" not in request.steps:
            arguments.pop("billing_sync_token", None)
        if second_pass or not plan["wait"]:
            arguments.pop("wait_timeout", None)
        self._task.args = {**arguments, **request.options()}
        result: Dict[str, Any] = super().execute(task_vars)
        if missing is not None and not (result.get("failed") or result.get("license_required")):
            # What needs no token was done, and the facts were read.
            result.update(failed=True, **missing.result())
        return result


def _results(task_vars: Mapping[str, Any], plan: Mapping[str, Any], second_pass: bool) -> Results:
    """Return what earlier steps registered. Registered results hold no templates, so they are taken as they are."""
    fetcher = ""
    token: Mapping[str, Any] = {}
    if plan["token_source"]:
        chosen = (task_vars.get("families_sync_choice") or {}).get("ansible_facts") or {}
        fetcher = str(chosen.get("families_sync_fetches", {}).get("hosts", {}).get(plan["token_source"], ""))
    if fetcher:
        token = task_vars["hostvars"].raw_get(fetcher).get("families_sync_token") or {}
    calls: List[Mapping[str, Any]] = []
    if second_pass:
        first = task_vars.get("families_sync_organization") or {}
        calls = [first, task_vars.get("families_sync_upload") or {} if first.get("license_required") else {}]
    return Results(task_vars.get("families_sync_server") or {}, token, fetcher, calls)
