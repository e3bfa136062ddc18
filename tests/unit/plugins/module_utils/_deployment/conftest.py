# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host in memory, and plans for it."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.apply import apply
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import (
    Request,
    SettingsChange,
    StateError,
    plan,
)

from .fake_host import FakeHost
from .small_module import asked_first


@pytest.fixture
def host(tmp_path, monkeypatch):
    return FakeHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)


@pytest.fixture
def planned(host):
    """Make a plan: ``planned(settings, **options)``."""

    def make(settings=None, **options):
        change = None
        if settings:
            change = SettingsChange.requested(settings, str(host.bwdata))
        return plan(Deployment(str(host.bwdata), None, {}, 7.0), Request(settings=change, **options))

    return make


@pytest.fixture
def run(host, planned):
    """Plan and apply: ``run(settings, **options)``; the result, and the error, if any."""

    def make(settings=None, **options):
        found, warnings = asked_first(host, settings, **options)
        asked = len(host.asked)
        try:
            result = apply(planned(settings, **options), host.clock).result()
        except StateError as error:
            assert found is None, "the small module said that there is nothing to do"
            return error.keys, str(error)
        told_by_docker = result["warnings"] == warnings and len(host.asked) == asked
        if not result["changed"] and told_by_docker and options.get("state", "started") == "started":
            assert found == result, "the small module left it to module server"
        else:
            assert found is None, "the small module said that there is nothing to do"
        return result, ""

    return make
