# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_configure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.action.organization import ActionModule as OrganizationAction
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.request import (
    Results,
    TokenError,
    fetched_token,
    make_request,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.results import (
    REFUSED,
    SERVER_INFO,
    failure_text,
    merge_calls,
    organization_calls,
    status_of,
    updated,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.unchanged import short_organization
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.updates import (
    update_advice,
    update_helps,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import FAMILIES_SYNC
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_check import plan_of
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import this_host
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_options import (
    organization_options,
    server_info_options,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_token import fetch_token

#: The role's own defaults, where neither a variable nor the user's ``module_defaults`` say anything.
DEFAULTS = {"license_max_age": "7d", "wait_timeout": "600s"}

# What is added here to a result of module organization.
_OWN = ("status", "planned", "ansible_facts", "first_pass", "diff", "invocation", "failed", "msg", SERVER_INFO)


class ActionModule(OrganizationAction):
    """Run module organization with the options that follow from the variables and the earlier steps of the role."""

    OF_ROLE = FAMILIES_SYNC

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the result of module organization with the status of the host, which is also set as a fact."""
        second_pass = bool(boolean(self._task.args.pop("second_pass", False)))
        after_update = bool(boolean(self._task.args.pop("after_update", False)))
        plan = plan_of(self, task_vars)
        calls = organization_calls(task_vars) if second_pass or after_update else []
        try:
            result = self._configure(task_vars, plan, calls, second_pass)
        except BitwardenError as error:
            result = self._failure(error)
        result = self._in_terms_of_the_role(result)
        if update_helps(result):
            result.update(_too_old(result, plan, updated(task_vars)))
        if (not second_pass and (plan["rotate"] or result.get("license_required"))) or result.get(REFUSED):
            result["planned"] = plan
        if calls:
            result["first_pass"] = {key: value for key, value in merge_calls(calls).items() if key not in _OWN}
        if "planned" not in result:
            result.update(self._gathered(task_vars))
        known = {**task_vars, "families_sync_organization": result}
        problem = failure_text(self._task.get_name(), result, known) if result.get("failed") else ""
        result["status"] = status_of(known, problem, bool(self._task.check_mode))
        return {**short_organization(result), **set_facts(self, {"bitwarden_status": result["status"]})}

    def _gathered(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return what the host tells for its status, as it is after the last step; nothing where that is not asked."""
        options = server_info_options(self, this_host(self, task_vars))
        return {SERVER_INFO: self.read_on_host(task_vars)(SERVER_INFO, options)} if options else {}

    def _configure(
        self, task_vars: dict[str, Any], plan: Mapping[str, Any], calls: list[Mapping[str, Any]], second_pass: bool
    ) -> dict[str, Any]:
        """Return the result of module organization; it fails where the token could not be fetched."""
        if not plan["configure"] or (second_pass and not set(plan["steps"]) - {"license"}):
            return {"changed": False}
        check_mode = bool(self._task.check_mode)
        arguments = {**DEFAULTS, **self._task.args, **organization_options(self, this_host(self, task_vars))}
        results = _results(self, task_vars, plan, calls)
        request = make_request(plan, results, check_mode, second_pass)
        missing: TokenError | None = None
        if plan["token_source"] and (second_pass or not plan["rotate"]):
            try:
                arguments["billing_sync_token"] = fetched_token(plan, results, check_mode)
            except TokenError as error:
                missing = error
        if plan["license_file"] and not second_pass:
            arguments["license"] = {"src": plan["license_file"]}
        if "token" not in request.steps:
            arguments.pop("billing_sync_token", None)
        if second_pass or not plan["wait"]:
            arguments.pop("wait_timeout", None)
        self._task.args = {**arguments, **request.options()}
        result: dict[str, Any] = super().execute(task_vars)
        if missing is not None and not (result.get("failed") or result.get("license_required")):
            # What needs no token was done, and the facts were read.
            result.update(failed=True, **missing.result())
        return result


def _results(
    action: ActionBase, task_vars: Mapping[str, Any], plan: Mapping[str, Any], calls: list[Mapping[str, Any]]
) -> Results:
    """Return what earlier steps registered. Registered results hold no templates, so they are taken as they are."""
    source = plan["token_source"]
    fetched = task_vars.get("families_sync_tokens") or {}
    fetcher = str((fetched.get("hosts") or {}).get(source, ""))
    token: Mapping[str, Any] = {}
    if fetcher:
        token = fetched["tokens"].get(source) or {}
    elif source and not plan["rotate"]:
        # The step that fetches for all did not run (--start-at-task, or a condition that fails on the first host).
        token = fetch_token(action, this_host(action, task_vars), plan)
    another = fetcher if fetcher != task_vars["inventory_hostname"] else ""
    return Results(task_vars.get("families_sync_server") or {}, token, another, calls, updated(task_vars))


def _too_old(result: Mapping[str, Any], plan: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return what changes in the result of a server that is too old for its license: it is updated, or told to be."""
    if plan["update"] and not update:
        return {"failed": False, REFUSED: result["msg"]}
    return {"msg": f"{result['msg']} {update_advice(update)}"}
