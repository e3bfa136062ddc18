# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first step of the role: checks the variables of all hosts of the run and plans what is done on each."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_text, secret_texts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.text_values import options_not_text
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync import check, variables
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.plan import (
    Plan,
    Variables,
    claim,
    make_plan,
    plan_faults,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.steps import selected_steps
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._options import check_options, documents_for_paths
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import (
    RoleHost,
    hosts_of_role,
    inherited,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_options import (
    Files,
    cloud_options,
    option_faults,
    server_options,
    settings_faults,
    with_license_file,
)

_DURATIONS = (
    "wait_timeout", "retry_timeout", "license_max_age", "license_expiry_warning", "sponsorships_max_age",
    "token_max_age", "timeout", "cloud_timeout",
)  # fmt: skip
REGISTERED = "families_sync_plan"


def plan_of(action: ActionBase, task_vars: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the plan of the task's host.

    Where the first step did not run here (``--start-at-task``; a condition that does not hold on the first host), all
    hosts are checked now: nothing is touched before. Raises ``CheckError``.
    """
    name = str(task_vars["inventory_hostname"])
    plans = (task_vars.get(REGISTERED) or {}).get("hosts") or {}
    if name not in plans:
        plans = check_run(action, task_vars, list(task_vars["ansible_play_hosts_all"]))["hosts"]
    plan: Mapping[str, Any] = plans[name]
    return plan


def check_run(action: ActionBase, task_vars: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    """Return the plans of the hosts, by name, and warnings. Raises ``CheckError`` with every fault of every host."""
    run = _RunCheck(action, task_vars)
    for host in hosts_of_role(action, task_vars, names):
        run.add(host)
    return run.result()


class _RunCheck:
    """What is found on the hosts so far."""

    def __init__(self, action: ActionBase, task_vars: Mapping[str, Any]) -> None:
        self._action = action
        self._selected = selected_steps(
            inherited(action._task, "tags"),
            task_vars.get("ansible_run_tags") or (),
            task_vars.get("ansible_skip_tags") or (),
        )
        role = action._task._role._role_path
        specs = action._loader.load_from_file(os.path.join(role, "meta", "argument_specs.yml"))["argument_specs"]
        entry = "families_license" if task_vars.get("families_sync_license_only") else "main"
        secret = {name: {"no_log": True} for name in variables.SECRETS}
        # What is required is known with the options, which can also come from module_defaults.
        self._spec = {
            name: {**spec, **secret.get(name, {}), "required": False} for name, spec in specs[entry]["options"].items()
        }
        self._known = {*specs["main"]["options"], *variables.PLAYBOOK, variables.STATUS}
        self._files = Files(action)
        self._claims: dict[str, check.Claim] = {}
        self._plans: dict[str, Plan] = {}
        self._faults: dict[str, list[str]] = {}
        self._warnings: dict[str, None] = {}
        self._strategy = check.strategy_fault(str(action._task.get_play().strategy))

    def add(self, host: RoleHost) -> None:
        """Check a host and plan for it."""
        for name, near in variables.mistyped(host.raw, self._known).items():
            self._warnings[f"The role reads no variable {name}. Did you mean {near}?"] = None
        faults = [self._strategy] if self._strategy else []
        values, unusable = self._values(host)
        for name, value in values.items():
            unusable.update(_unusable(name, value, self._spec[name]))
        faults += unusable.values()
        if "bitwarden_max_fail_percentage" in host.raw:
            faults += filter(None, [self._percentage(host)])
        usable = host.without(unusable)
        typed, _none = check_options("", self._spec, {name: values[name] for name in values if name not in unusable})
        found = _variables(usable, typed)
        more = plan_faults(found, self._selected)
        plan = make_plan(found, self._selected)
        server = server_options(self._action, usable)
        cloud = cloud_options(self._action, usable, plan.cloud) if plan.with_account else {}
        more += option_faults(self._action, usable, plan, server, cloud)
        of_settings, ignored = settings_faults(plan, server, cloud)
        plan, wrong = with_license_file(plan, usable, self._files)
        self._warnings.update(dict.fromkeys(ignored))
        faults += of_settings
        # What cannot be used is not missing, too.
        faults += [text for text in more + wrong if not text.startswith(tuple(unusable) or ("\n",))]
        self._plans[host.name] = plan
        what = claim(found, self._selected)
        if what:
            self._claims[host.name] = what
        if faults:
            # Some show the value; what resembles a secret can be one in the wrong variable.
            hidden = secret_texts(values, self._spec)
            self._faults[host.name] = list(dict.fromkeys(mask_text(text, hidden) for text in faults))

    def result(self) -> dict[str, Any]:
        """Return what was planned. Raises ``CheckError``."""
        for name, texts in check.claim_faults(self._claims).items():
            self._faults.setdefault(name, []).extend(texts)
        if self._faults:
            raise check.CheckError(self._faults, len(self._plans))
        return {
            "hosts": {name: plan.facts() for name, plan in self._plans.items()},
            "second_pass": any(plan.second_pass for plan in self._plans.values()),
            "warnings": list(self._warnings),
        }

    def _values(self, host: RoleHost) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the variables that are set, and what is wrong with those that cannot be read."""
        values, faults = {}, {}
        for name in self._spec:
            try:
                value = host.value(name)
            except AnsibleError as error:
                faults[name] = f"{name} cannot be read: {str(error).rstrip('.')}."
                continue
            if value is not None:
                values[name] = value
        return values, faults

    def _percentage(self, host: RoleHost) -> str:
        value = host.value("bitwarden_max_fail_percentage")
        return "" if value is None else check.percentage_fault(value)


def _unusable(name: str, value: Any, spec: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the kind of a value, by the variable's name; it does not show the value."""
    options, values = {name: spec}, {name: value}
    wrong = [*options_not_text(options, values), *dict(documents_for_paths(options, values)).values()]
    wrong = wrong or check_options("", options, values)[1]
    return {name: " ".join(wrong)} if wrong else {}


def _variables(host: RoleHost, typed: Mapping[str, Any]) -> Variables:
    """Return the variables that decide what is done; ``typed`` are the values with their types, and defaults."""

    def text(name: str) -> str:
        value = host.value(f"bitwarden_{name}")
        return "" if value is None else str(value)

    def flag(name: str) -> bool:
        return bool(typed.get(f"bitwarden_{name}"))

    cloud = host.value("bitwarden_cloud") or ""
    return Variables(
        license_only=bool(host.raw.get("families_sync_license_only")),
        offline=flag("offline"),
        region=text("region"),
        pull=flag("pull") if host.value("bitwarden_pull") is not None else None,
        preflight=text("preflight"),
        cloud=dict(cloud) if isinstance(cloud, Mapping) else str(cloud),
        cloud_client_id=text("cloud_client_id"),
        cloud_organization=text("cloud_organization"),
        billing_sync_token_given=host.value("bitwarden_billing_sync_token") is not None,
        rotate=flag("rotate"),
        license=text("license"),
        license_file=text("license_file"),
        update=text("update") == "if_needed",
        update_source=text("update_source"),
        durations={name: host.value(f"bitwarden_{name}") for name in _DURATIONS},
    )
