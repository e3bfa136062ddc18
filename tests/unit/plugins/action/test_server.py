# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that cannot be reached: unreachable as everywhere, or a failure, which a block can rescue."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible_collections.selfhosted.bitwarden.plugins.action.server import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import HostActionModule


@pytest.fixture
def action(monkeypatch):
    def unreachable(self, task_vars):
        raise AnsibleConnectionFailure("no route to host")

    monkeypatch.setattr(HostActionModule, "execute", unreachable)
    found = ActionModule.__new__(ActionModule)
    found._task = SimpleNamespace(args={})
    return found


@pytest.mark.parametrize("value", [True, "yes", "true"])
def test_it_is_a_failure_where_the_task_says_so(action, value):
    action._task.args["fail_when_unreachable"] = value
    assert action.execute({}) == {"failed": True, "changed": False, "msg": "unreachable: no route to host"}


@pytest.mark.parametrize("arguments", [{}, {"fail_when_unreachable": False}, {"fail_when_unreachable": "no"}])
def test_otherwise_it_is_unreachable(action, arguments):
    action._task.args.update(arguments)
    with pytest.raises(AnsibleConnectionFailure):
        action.execute({})
