# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Action plugin of module backup."""

from __future__ import annotations

from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule


class ActionModule(HostActionModule):
    """Run the module of the same name on the host."""

    MODULE = "backup"
