# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The edge of all action plugins: the arguments of a task as they are meant, and every error as a failed result."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.masking import mask_values, secret_texts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.variables import names_of, renamed

FAMILIES_SYNC = "selfhosted.bitwarden.families_sync"
UPDATE = "selfhosted.bitwarden.update"
RESTORE = "selfhosted.bitwarden.restore"
# Their tasks leave options out whose variables are not set, and speak of variables.
_ROLES = (FAMILIES_SYNC, UPDATE, RESTORE)


class BitwardenAction(ActionBase):  # type: ignore[misc]
    """Base of the action plugins. ``run`` raises nothing.

    With an error that leaves an action plugin ansible-core 2.19 and later shows the arguments of its task, secrets
    included.
    """

    #: The role that it is a step of, whose variables it reads, and results of the role's other steps.
    OF_ROLE = ""

    def execute(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        """Do the task and return its result. May raise whatever comes; an expected error is a ``BitwardenError``."""
        raise NotImplementedError

    def options(self) -> Mapping[str, Any]:
        """Return the argument specification; without one every argument is taken for secret."""
        return {}

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task. The only place on the controller where an error becomes a failed result."""
        task_vars = task_vars or {}
        arguments = dict(self._task.args)
        try:
            result: dict[str, Any] = super().run(tmp, task_vars)
            self._task.args = self._arguments(task_vars)
            self._require_role()
            result.update(self.execute(task_vars))
        except Exception as error:
            return self._in_terms_of_the_role(self.masked(self._failure(error)))
        finally:
            # The task goes back to the main process, for each host: without secrets, and as small as it was.
            self._task.args = arguments
        return self._in_terms_of_the_role(result)

    def _in_role(self) -> bool:
        return self._role_name() in _ROLES

    def _role_name(self) -> str:
        role = getattr(self._task, "_role", None)
        return "" if role is None else str(role.get_name())

    def _require_role(self) -> None:
        if self.OF_ROLE and self._role_name() != self.OF_ROLE:
            name = str(self._task.action).rpartition(".")[2]
            raise BitwardenError(f"{name} is a step of the role {self.OF_ROLE}, and only works in it. Use the role.")

    def _in_terms_of_the_role(self, result: dict[str, Any]) -> dict[str, Any]:
        """Return a failure of a task of the role with the names of the role's variables in place of options."""
        if not self._in_role() or not result.get("failed"):
            return result
        return renamed(result, self.variables_of(result))

    def variables_of(self, result: Mapping[str, Any]) -> Mapping[str, str]:
        """Return option -> variable for what a task of the role says in its result."""
        return names_of(str(self._task.action).rpartition(".")[2], result)

    def module_defaults(self, task_vars: Mapping[str, Any], *names: str) -> dict[str, Any]:
        """Return the options that ``module_defaults`` give for groups or plugins, such as ``group/…`` and ``…server``.

        Unlike Ansible it fills what an inner block leaves out (``default(omit)``) from those around it.
        """
        levels = self._task.module_defaults or []
        return merged_defaults(levels, names, self._templar.template, task_vars.get("omit"))

    def _arguments(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options that are set.

        To Ansible an omitted option has no default from ``module_defaults`` either. The role omits those whose
        variables are not set; for them the defaults of the user's play stay in force.
        """
        arguments = given(self._task.args)
        if not self._in_role() or not self._task.module_defaults:
            return arguments
        action = self._task.resolved_action or self._task.action
        groups = self._task._parent._play._action_groups.get(action, [])
        return {**self.module_defaults(task_vars, *(f"group/{name}" for name in groups), action), **arguments}

    def _failure(self, error: Exception) -> dict[str, Any]:
        """Return the result for an error."""
        if isinstance(error, BitwardenError):
            return {"failed": True, "changed": False, **error.result()}
        if isinstance(error, AnsibleConnectionFailure):
            if boolean(self._task.args.get("fail_when_unreachable"), strict=False):
                return {"failed": True, "changed": False, "msg": f"unreachable: {error}"}
            return {"unreachable": True, "changed": False, "msg": str(error)}
        if isinstance(error, AnsibleError):
            return {"failed": True, "changed": False, "msg": str(error)}
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        return {
            "failed": True,
            "changed": False,
            "msg": f"{self._task.action} failed with a defect of its own: {type(error).__name__} in {place}: {error}. "
            "Report it with its traceback (-vvv, with ANSIBLE_DISPLAY_TRACEBACK=error in the environment).",
            "exception": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
        }

    def masked(self, result: dict[str, Any]) -> dict[str, Any]:
        """Hide the secrets of the task's arguments, those that were given in the wrong option included."""
        masked: dict[str, Any] = mask_values(result, secret_texts(self._task.args, self.options()))
        return masked


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are set: an empty text and null both mean that one is not."""
    return {str(name): value for name, value in arguments.items() if value is not None and not _is_empty(value)}


def merged_defaults(
    levels: Iterable[Mapping[str, Any]], names: Sequence[str], resolve: Callable[[Any], Any], omit: Any
) -> dict[str, Any]:
    """Return what ``module_defaults`` set for ``names`` of groups and plugins, those of inner blocks over outer ones.

    ``resolve`` resolves templates; ``omit`` is the value of an option that a template leaves out.
    """
    found: dict[str, Any] = {}
    for options in (level[name] for level in levels for name in names if level.get(name)):
        found.update({key: value for key, value in (resolve(options) or {}).items() if value != omit})
    return given(found)


def _is_empty(value: object) -> bool:
    return isinstance(value, str) and not value
