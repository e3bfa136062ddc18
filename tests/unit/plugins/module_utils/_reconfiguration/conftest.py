# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory with a config.yml, and module server run on it."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import apply as apply_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.modules import server

from ...modules.fake_module import server_module
from .configured_host import ConfiguredHost


@pytest.fixture
def host(tmp_path, monkeypatch):
    fake = ConfiguredHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    monkeypatch.setattr(apply_module, "Clock", lambda: fake.clock)
    return fake.start()


@pytest.fixture
def run(host):
    """Run the module: ``run(config=…, certificate=…, check=…)``; the result, with ``msg`` where it failed."""

    def make(settings=None, check=False, **params):
        host.done.clear()
        module = server_module(host, check, preflight="skip", **params)
        try:
            result = server.run(module, SettingsRequest(settings=settings or {}))
        except BitwardenError as error:
            result = {"changed": False, **error.result()}
        return {**result, "warnings": [*module.warnings, *result.get("warnings", [])]}

    return make
