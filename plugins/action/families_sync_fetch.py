# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module families_sync_fetch."""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from itertools import groupby
from typing import Any

from ansible import constants
from ansible.module_utils.parsing.convert_bool import boolean
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.fetchers import (
    Candidate,
    choose_fetchers,
)
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import FAMILIES_SYNC, BitwardenAction
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._environment import environment
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._facts import set_facts
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_check import REGISTERED, check_run
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost, role_host
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_token import fetch_token

_NOTED = "families_sync_fetches"
_TOKENS = "families_sync_tokens"
_STEPS_BEFORE = ("families_sync_server", "families_sync_organization", "families_sync_upload")
_AT_ONCE = 8


class ActionModule(BitwardenAction):
    """Fetches or rotates the token of each organization of the batch's hosts, once in a run, on the controller."""

    TRANSFERS_FILES = False
    OF_ROLE = FAMILIES_SYNC

    def options(self) -> Mapping[str, Any]:
        """Return the options."""
        return {"rotate": {"type": "bool", "default": False}}

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Return the tokens by source. One that could not be fetched fails the hosts that need it, and no others."""
        rotate = bool(boolean(self._task.args.get("rotate", False)))
        plans = (task_vars.get(REGISTERED) or {}).get("hosts")
        batch = list(task_vars["ansible_play_batch"])
        if plans is None:
            plans = check_run(self, task_vars, list(task_vars["ansible_play_hosts_all"]))["hosts"]
        noted = task_vars["hostvars"].raw_get("localhost").get(_NOTED) or {}
        # Before ansible-core 2.21 a fact cache brings back what an earlier run has noted. The folder is a run's own.
        if noted.get("run") != constants.DEFAULT_LOCAL_TMP:
            noted = {}
        began = noted.get("began") or datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        known = dict(noted.get("hosts") or {})
        candidates = (self._candidate(task_vars, name, plans[name]) for name in batch if name in plans)
        chosen = choose_fetchers(candidates, known, rotate)
        new = {source: role_host(self, task_vars, name) for source, name in chosen.items() if source not in known}
        tokens = {**self._earlier(task_vars, known), **self._fetch(new, plans, began if rotate else "")}
        return {
            "changed": any(tokens[source].get("changed") for source in new),
            "tokens": tokens,
            "hosts": chosen,
            "_ansible_no_log": bool(tokens),
            **set_facts(self, {_NOTED: {"run": constants.DEFAULT_LOCAL_TMP, "began": began, "hosts": chosen}}),
        }

    def _candidate(self, task_vars: Mapping[str, Any], name: str, plan: Mapping[str, Any]) -> Candidate:
        def results() -> list[Mapping[str, Any]]:
            raw = task_vars["hostvars"].raw_get(name)
            return [raw.get(step) or {} for step in _STEPS_BEFORE]

        return Candidate(name, plan, results)

    def _earlier(self, task_vars: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, Any]:
        """Return the tokens of earlier batches and plays, from the hosts that they were fetched for."""
        found: dict[str, Any] = {}
        for name in dict.fromkeys(known.values()):
            found.update((task_vars["hostvars"].raw_get(name).get(_TOKENS) or {}).get("tokens") or {})
        return found

    def _fetch(self, hosts: Mapping[str, RoleHost], plans: Mapping[str, Any], began: str) -> dict[str, Any]:
        """Return the result for each source, fetched by its host. Rotations are done one after the other.

        Two hosts can name one organization in two ways; the second then finds that its token was rotated.
        """
        found: dict[str, Any] = {}
        with_environment = [(host.environment(self), source) for source, host in hosts.items()]
        with_environment.sort(key=lambda one: sorted(one[0].items()))
        for variables_set, group in groupby(with_environment, key=lambda one: one[0]):
            sources = [source for _variables, source in group]
            # The environment is that of the process, so hosts that set another one wait.
            with environment(variables_set), ThreadPoolExecutor(1 if began else _AT_ONCE) as pool:
                jobs = {}
                for source in sources:
                    host, run = hosts[source], contextvars.copy_context().run
                    jobs[source] = pool.submit(run, fetch_token, self, host, plans[host.name], began)
                found.update({source: job.result() for source, job in jobs.items()})
        return found
