# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The billing sync token that the role fetches or rotates with the variables of a host."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_hosts import RoleHost
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._role_options import cloud_options


def fetch_token(
    action: ActionBase, host: RoleHost, plan: Mapping[str, Any], rotated_before: str = ""
) -> dict[str, Any]:
    """Return the result of module billing_sync_token. It rotates a token that is older than ``rotated_before``."""
    # Only here: it takes time to load, in one process for all hosts.
    from ansible_collections.selfhosted.bitwarden.plugins.action.billing_sync_token import (  # noqa: PLC0415
        ActionModule as TokenAction,
    )

    verb = "Rotating" if rotated_before else "Fetching"
    Display().v(f"{verb} the billing sync token with the variables of {host.name}.")
    options = cloud_options(action, host, plan["cloud"])
    max_age = options.pop("max_age", None)
    if rotated_before:
        options.update({"max_age": max_age} if max_age is not None else {"rotated_before": rotated_before})
    task = copy.copy(action._task)
    task.action = "selfhosted.bitwarden.billing_sync_token"
    task.args = {**options, "state": "rotated" if rotated_before else "present"}
    token = TokenAction(
        task, action._connection, action._play_context, action._loader, host.templar, action._shared_loader_obj
    )
    result: dict[str, Any] = token.run(task_vars=dict(host.raw))
    return result
