# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The hosts of a run as a task of the role sees them, one after the other in one process.

A process for each host, skipped ones included, is most of what a task costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import Templar
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_run.batches import hosts_fault
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._action import merged_defaults
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._vault import plain

try:
    from ansible.errors import AnsibleValueOmittedError
except ImportError:  # ansible-core before 2.19
    AnsibleValueOmittedError = ()

_COLLECTION = "selfhosted.bitwarden"


class HostsError(BitwardenError):
    """The run has no hosts, or cannot be divided into batches of them as it was asked for."""


class RoleHost:
    """A host, its variables without templates resolved (``raw``), and the values of those that the role reads."""

    def __init__(self, name: str, raw: Mapping[str, Any], templar: Any) -> None:
        self.name = name
        self.raw = raw
        self.templar = templar
        self._values: dict[str, Any] = {}

    def value(self, name: str) -> Any:
        """Return the value of a variable; ``None`` where it is not set, or null, empty or omitted.

        Raises ``AnsibleError`` where a template of it cannot be resolved.
        """
        if name not in self._values:
            self._values[name] = self.resolved(self.raw.get(name))
        return self._values[name]

    def resolved(self, value: Any) -> Any:
        """Return a value with its templates resolved and decrypted; ``None`` for one that means "not set"."""
        if value is None or value == "":
            return None
        try:
            found = plain(self.templar.template(value))
        except AnsibleValueOmittedError:
            return None
        return None if found is None or found == "" or found == self.raw.get("omit") else found

    def without(self, names: Collection[str]) -> RoleHost:
        """Return the host as if variables were not set."""
        if not names:
            return self
        return RoleHost(self.name, {key: value for key, value in self.raw.items() if key not in names}, self.templar)

    def options(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Return the options that are set, for ``names`` of option to variable. Raises ``AnsibleError``."""
        found = {option: self.value(variable) for option, variable in names.items()}
        return {option: value for option, value in found.items() if value is not None}

    def module_defaults(self, action: ActionBase, group: str, module: str) -> dict[str, Any]:
        """Return what the user's ``module_defaults`` set for a module of the collection and for the group it is in.

        Raises ``AnsibleError``.
        """
        levels = inherited(action._task, "module_defaults")
        names = (f"group/{_COLLECTION}.{group}", f"{_COLLECTION}.{module}")
        return merged_defaults(levels, names, self.resolved, self.raw.get("omit"))

    def environment(self, action: ActionBase) -> dict[str, str]:
        """Return the variables that the keyword ``environment`` sets around the task. Raises ``AnsibleError``."""
        found: dict[str, Any] = {}
        for level in inherited(action._task, "environment"):
            values = self.resolved(level)
            found.update(values if isinstance(values, Mapping) else {})
        return {str(name): str(value) for name, value in found.items() if value is not None}


def inherited(task: Any, keyword: str) -> list[Any]:
    """Return what a keyword is set to around a task, outermost first, with templates.

    The task itself has them resolved for one host, and by then a block only shows what it sets itself.
    """
    found = task._parent._get_parent_attribute(keyword)
    return found if isinstance(found, list) else []


def matched_hosts(task_vars: Mapping[str, Any], pattern: Any, ignore_limits: bool = False) -> list[str]:
    """Return the names of the hosts of the inventory that match a pattern, whatever the play of the task has."""
    inventory = task_vars["hostvars"]._inventory
    found = inventory.get_hosts(pattern=pattern, ignore_limits=ignore_limits, ignore_restrictions=True)
    return [str(host.name) for host in found]


def required_hosts(task_vars: Mapping[str, Any], pattern: Any) -> list[str]:
    """Return the names of the hosts of the run that match a pattern. Raises ``HostsError`` where there are none."""
    found = matched_hosts(task_vars, pattern)
    if not found:
        raise HostsError(hosts_fault(pattern_text(pattern), str(task_vars.get("ansible_limit") or "")))
    return found


def pattern_text(pattern: Any) -> str:
    """Return a pattern, or a list of them, as one is written."""
    return ",".join(map(str, pattern)) if isinstance(pattern, (list, tuple)) else str(pattern)


def this_host(action: ActionBase, task_vars: Mapping[str, Any]) -> RoleHost:
    """Return the host that the task runs for."""
    return RoleHost(str(task_vars["inventory_hostname"]), task_vars, action._templar)


def role_host(action: ActionBase, task_vars: Mapping[str, Any], name: str) -> RoleHost:
    """Return another host of the play, with the variables that this task would have there."""
    if name == task_vars["inventory_hostname"]:
        return this_host(action, task_vars)
    hostvars = task_vars["hostvars"]
    host = hostvars._inventory.get_host(name)
    # Unlike those in hostvars these are with the variables of the play, the role and its import.
    raw = hostvars._variable_manager.get_vars(play=action._task.get_play(), host=host, task=action._task)
    return RoleHost(name, raw, Templar(loader=action._loader, variables=raw))


def hosts_of_role(action: ActionBase, task_vars: Mapping[str, Any], names: list[str]) -> Iterator[RoleHost]:
    """Yield the hosts among ``names`` on which the role runs: its own conditions hold there (``when``)."""
    tasks = _conditional(action._task)
    for name in names:
        host = role_host(action, task_vars, name)
        if name == task_vars["inventory_hostname"] or all(_holds(task, host) for task in tasks):
            yield host


def _conditional(task: Any) -> list[Any]:
    """Return the task and the dynamic includes around it that have conditions; static ones pass theirs on."""
    found = [task]
    while task._parent is not None:
        task = task._parent
        if not getattr(task, "statically_loaded", True):
            found.append(task)
    return [one for one in found if one.when]


def _holds(task: Any, host: RoleHost) -> bool:
    """Return whether a task's conditions hold for a host; where that cannot be told yet, they may."""
    try:
        if hasattr(task, "evaluate_conditional"):
            return bool(task.evaluate_conditional(host.templar, host.raw))
        return bool(task._resolve_conditional(task.when, host.raw))
    except AnsibleError:
        return True
