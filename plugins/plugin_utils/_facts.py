# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Facts that action plugins set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.plugins.action import ActionBase

try:
    from ansible.plugins.action import VariableLayer
except ImportError:  # ansible-core before 2.21
    VariableLayer = None


def set_facts(action: ActionBase, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Set facts as ``set_fact`` does; return what the task's result has to hold for it."""
    if VariableLayer is not None:
        # What is returned as ansible_facts becomes a variable only until ansible-core 2.24.
        action.register_host_variables(dict(facts), VariableLayer.EPHEMERAL_FACT)
        # In the result, too, the controller would keep each fact twice.
        return {}
    return {"ansible_facts": dict(facts)}
