# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's part of the host modules, in memory."""

from __future__ import annotations

import copy

from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES


class FakeModule:
    """What the modules use of ``AnsibleModule``: the options that are given, and the defaults of the others."""

    def __init__(self, name, check_mode=False, **params):
        defaults = {option: copy.deepcopy(spec.get("default")) for option, spec in HOST_MODULES[name].items()}
        self.params = {**defaults, **params}
        self.check_mode = check_mode
        self._diff = True
        self.warnings = []
        self.warn = self.warnings.append


def server_module(host, check_mode=False, **params):
    """Return module server for a pretended host, of which only the wanted end is waited for."""
    short = {"bwdata": str(host.bwdata), "wait_timeout": "60s", "lock_timeout": "1s"}
    return FakeModule("server", check_mode, **{**short, **params})
