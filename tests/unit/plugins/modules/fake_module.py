# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ansible's part of module server, in memory."""

from __future__ import annotations


class FakeModule:
    """What the module uses of ``AnsibleModule``."""

    def __init__(self, host, check_mode=False, **params):
        defaults = {"script": None, "state": "started", "preflight": "auto", "wait": True, "wait_timeout": "60s",
                    "rollback": True, "pull": True, "backup": False, "backup_count": 10,
                    "lock_timeout": "1s", "config": None, "certificate": None}  # fmt: skip
        self.params = {**defaults, "bwdata": str(host.bwdata), **params}
        self.check_mode = check_mode
        self._diff = True
        self.warnings = []
        self.warn = self.warnings.append
