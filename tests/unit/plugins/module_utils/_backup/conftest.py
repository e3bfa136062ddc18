# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory, and backups of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import make as make_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.plan import BackupRequest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment

from .backup_host import NOW, backup_host, pretend_database


@pytest.fixture
def host(tmp_path, monkeypatch):
    return backup_host(tmp_path, monkeypatch)


@pytest.fixture
def database(host, monkeypatch):
    return pretend_database(host, monkeypatch)


@pytest.fixture
def dest(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def back_up(host, database, dest):
    """Plan and make: ``back_up(minutes, check, **request)``; ``minutes`` later than the first one."""

    def run(minutes=0.0, check=False, **request):
        deployment = Deployment(str(host.bwdata), None, {}, 7.0)
        asked = BackupRequest(**{"dest": str(dest), "wait_timeout": 7.0, **request})
        planned = plan_module.plan(deployment, asked, NOW + timedelta(minutes=minutes))
        return (make_module.predict if check else make_module.make)(planned)

    return run
