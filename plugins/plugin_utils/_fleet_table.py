# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The table of a fleet, shown by an action plugin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible import constants
from ansible.utils.display import Display
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.table import OPTIONAL, table_lines

# Callbacks whose output is read by programs.
_MACHINE_READABLE = ("json", "jsonl", "null")


def show_table(hosts: Mapping[str, Any], optional: Sequence[str] = OPTIONAL) -> dict[str, Any]:
    """Print the table of ``{host: status}``; return its lines for the task's result, with the data for set_stats.

    ``optional`` columns are only shown where something in them is known.
    """
    lines = table_lines(hosts, optional)
    callback = str(constants.config.get_config_value("DEFAULT_STDOUT_CALLBACK"))
    if callback.rpartition(".")[2] not in _MACHINE_READABLE:
        # Not as the task's message: that is cut to one line, or not shown at all where nothing failed.
        Display().display("\n".join(lines))
    stats = {"data": {"bitwarden_fleet": dict(hosts)}, "per_host": False, "aggregate": True}
    return {"lines": lines, "ansible_stats": stats}
