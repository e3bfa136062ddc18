# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A health check of the database that an override file sets: what the new image cannot pass is told before the stop."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.client import Response
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.engine import Executed
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update import trial as trial_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.health_check import (
    own_health_check,
    why_it_fails,
)

from .conftest import NEW, OLD, files
from .test_update import is_as_before

TOOL = "/opt/mssql-tools/bin/sqlcmd"
CHECK = f"{TOOL} -S localhost -U sa -P $$SA_PASSWORD -Q 'SELECT 1' > /dev/null || exit 1"
OWN = {"test": ["CMD-SHELL", CHECK], "interval": "30s"}


@pytest.mark.parametrize(("service", "command"), [
    ({"healthcheck": OWN}, ("/bin/sh", "-c", CHECK.replace("$$", "$"))),
    ({"healthcheck": {"test": ["CMD", "/check", "a b"]}}, ("/check", "a b")),
    ({"healthcheck": {"test": ["NONE"]}}, None),
    ({"healthcheck": {"disable": True}}, None),
    ({"healthcheck": {"interval": "30s"}}, None),
    ({}, None),
])  # fmt: skip
def test_only_a_check_that_the_project_sets_counts(service, command):
    assert own_health_check({"mssql": service}) == command
    assert own_health_check({}) is None


class Images:
    """The engine: ``old`` and ``new`` are the files of the images, ``rc`` is how the check ends in the new one."""

    def __init__(self, old, new, rc, mounts=()):
        self.files = {"old": old, "new": new}
        self.rc = rc
        described = {"Mounts": [{"Destination": one} for one in mounts]}
        self.client = SimpleNamespace(request=lambda *_: Response(200, described))

    def execute(self, container, command, _timeout):
        if command[:2] == ["sh", "-c"]:
            return Executed(0, "".join(f"{one}\n" for one in command[4:] if one in self.files[container]))
        return Executed(self.rc, "sh: 1: not found")


@pytest.mark.parametrize(("engine", "why"), [
    (Images([TOOL], [], 1), f"status 1, and the image lacks {TOOL}, which the one that is running has"),
    (Images([TOOL], [], 127), f"status 127, and the image lacks {TOOL}, which the one that is running has"),
    (Images([], [], 127), "status 127"),
    (Images([TOOL], [], 0), ""),  # it names two, and takes the one that is there
    (Images([TOOL], [TOOL], 1), ""),  # it may need what the trial has not
    (Images([], [], 1), ""),
    (Images([TOOL], [], None), ""),
    (Images([TOOL], [], 127, ["/opt/mssql-tools"]), ""),  # not of the image
])  # fmt: skip
def test_only_what_is_certain_is_told(engine, why):
    old = SimpleNamespace(id="old", service="mssql", image="mssql:old", state="running", is_up=True)
    deployment = SimpleNamespace(engine=engine, containers=lambda: [old])
    told = why_it_fails(deployment, SimpleNamespace(id="new", image="mssql:new"), ["/bin/sh", "-c", CHECK])
    assert told == (f"cannot pass the health check that the Compose files set for mssql: {why}" if why else "")


@pytest.mark.parametrize("why", ["cannot pass the health check", ""])
def test_it_is_told_before_the_stop(host, database, run, monkeypatch, why):
    before, asked = files(host), []
    host.compose_services["mssql"] = {"healthcheck": OWN}
    host.trial = "" if why else "unhealthy"  # that of the image does not count then

    def tried(_deployment, container, check):
        asked.append((container.id, check[-1]))
        return why

    monkeypatch.setattr(trial_module, "why_it_fails", tried)
    result = run()
    assert asked == [("trial", CHECK.replace("$$", "$"))]
    if not why:
        assert (result["failed"], host.versions()) == (False, {NEW}), result["msg"]
        return
    assert "was tried on this host and cannot pass the health check. It would be waited for in vain" in result["msg"]
    assert (result["rolled_back"], result["downtime"], host.versions()) == (False, 0.0, {OLD})
    is_as_before(host, database, before, result)
