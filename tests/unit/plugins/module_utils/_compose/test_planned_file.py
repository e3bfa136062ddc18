# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan made by the real Compose is what it gives after the write, and leaves nothing behind."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Commands
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.planned_file import PlannedFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.project import Project

from tests.support.tools.commands import WORK

COMPOSE = os.environ.get("COMPOSE_BINARY", str(WORK / "programs/usr/libexec/docker/cli-plugins/docker-compose"))
STANDARD = """
services:
  api:
    image: api:1
    env_file: [global.env, ../env/uid.env, ../env/global.override.env]
  web:
    image: web:1
    env_file:
      - global.env
      - ../env/uid.env
"""
BEFORE = "OLD=1\nKEPT=k\nGONE=g\nHIDDEN=file\nLATER=file\n"
AFTER = "OLD=2\nKEPT=k\nNEW='a$b'\nHIDDEN=planned\nLATER=planned\nREFERS=$OLD-$KIND-$FROM_DOTENV\n"
FILES = {
    "docker/global.env": "KIND=global\nGONE=default\nSHARED=1\n",
    "docker/.env": "FROM_DOTENV=dotenv\nFOLDER=../env\n",
    "env/uid.env": "LOCAL_UID=1\n",
    "env/later.env": "LATER=later\nUSES=$OLD\n",
    "env/global.override.env": BEFORE,
    "../more/compose.yml": "services: {more: {image: m, env_file: [../bwdata/env/global.override.env, more.env]}}",
    "../more/more.env": "LATER=more\n",
}
CASES = {
    "standard": (STANDARD, ""),
    "environment hides": (STANDARD, "services: {api: {environment: {HIDDEN: compose, NEW: compose}}}"),
    "environment as a list": (STANDARD, 'services: {api: {environment: ["HIDDEN=compose", "OLD"]}}'),
    "a later file": (STANDARD, "services: {api: {env_file: [../env/later.env]}}"),
    "an absolute path": (STANDARD, "services: {web: {env_file: {BWDATA}/env/global.override.env}}"),
    "a path out of bwdata and back": (STANDARD, "services: {web: {env_file: [../../bwdata/env/global.override.env]}}"),
    "a variable in the path": (STANDARD, 'services: {web: {env_file: ["$${FOLDER}/global.override.env"]}}'),
    "not required": (STANDARD, "services: {web: {env_file: [{path: ../env/nowhere.env, required: false}]}}"),
    "an anchor": ("x-a: &a\n  env_file: ../env/global.override.env\nservices:\n  a: {image: a, <<: *a}\n", ""),
    "an included file": (STANDARD, "include: [../../more/compose.yml]"),
    "an extended service": (STANDARD, "services: {more: {extends: {file: ../../more/compose.yml, service: more}}}"),
    "a service that is off": (STANDARD, "services: {off: {image: o, profiles: [no], env_file: ../env/later.env}}"),
}


@pytest.fixture
def project(tmp_path):
    """Make a project: ``project(compose file, override)``."""
    bwdata = tmp_path / "bitwarden" / "bwdata"

    def make(standard, override):
        texts = {**FILES, "docker/docker-compose.yml": standard, "docker/docker-compose.override.yml": override}
        for name, content in texts.items():
            if content:
                path = bwdata / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content.replace("{BWDATA}", str(bwdata)).replace("$$", "$"))
        plugins = tmp_path / "config" / "cli-plugins"
        plugins.mkdir(parents=True)
        (plugins / "docker-compose").symlink_to(COMPOSE)
        environ = {"DOCKER_CONFIG": str(tmp_path / "config"), "PATH": os.environ["PATH"]}
        commands = Commands(Account.owner_of(str(bwdata)), environ)
        return Project(commands, "/nowhere/docker", str(bwdata), str(bwdata.parent))

    return make


@pytest.mark.skipif(not os.access(COMPOSE, os.X_OK), reason="no Compose 2 here")
@pytest.mark.parametrize("case", CASES)
def test_the_plan_is_what_compose_gives_after_the_write(project, tmp_path, monkeypatch, case):
    found = project(*CASES[case])
    path = Path(found.bwdata, "env", "global.override.env")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    planned = found.read(PlannedFile(str(path), BEFORE.encode(), AFTER.encode()))
    assert list(temporary.iterdir()) == [], "the plan left a file"
    assert path.read_text() == BEFORE
    path.write_text(AFTER)
    written = found.read()
    assert {n: s.environment for n, s in planned.services.items()} == {
        n: s.environment for n, s in written.services.items()
    }
    readers = {name for name, one in planned.services.items() if one.reads_file}
    more = {"more"} if "more" in CASES[case][1] else {"web"} if "global.override.env" in CASES[case][1] else set()
    assert readers == ({"a"} if case == "an anchor" else {"api"} | more)


@pytest.mark.skipif(not os.access(COMPOSE, os.X_OK), reason="no Compose 2 here")
@pytest.mark.parametrize("case", ["standard", "environment hides"])
def test_a_compose_that_does_not_name_env_files_shows_by_its_values_who_reads_one(project, monkeypatch, case):
    found = project(*CASES[case])
    planned = PlannedFile(f"{found.bwdata}/env/global.override.env", BEFORE.encode(), AFTER.encode())
    expected = found.read(planned).services
    assert expected["api"].environment["GONE"] == "default", "global.env does not count"
    monkeypatch.setattr(found, "sources", lambda: None)
    assert found.read(planned).services == expected
    # Of an unchanged file it is all that is asked.
    assert found.read(planned._replace(after=planned.before)).services["api"].reads_file
