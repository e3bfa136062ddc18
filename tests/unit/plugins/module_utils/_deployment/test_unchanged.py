# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What module server_unchanged takes for unchanged, and what it leaves to module server.

That both agree is tested with every run on a host in memory, too (``run`` in conftest.py).
"""

from __future__ import annotations

import fcntl
import os
import re
import zlib
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import journal
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.unchanged import MARK
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.override_file import FILES
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest

from tests.support.tools.commands import WORK

from .small_module import asked_first

CLOUD = "globalSettings__enableCloudCommunication"
PORT = "globalSettings__mail__smtp__port"
ABSENT = "globalSettings__pushRelayBaseUri"
PASSWORD = "globalSettings__mail__smtp__password"
FILE = "env/global.override.env"
OFF = SettingsRequest(cloud_communication=False)


@pytest.fixture
def settled(host):
    """Return a host on which nothing is to be done, by Docker's own account."""
    host.start().health = "healthy"
    host.now += 60
    return host


def add(host, path, text):
    (host.bwdata / path).parent.mkdir(exist_ok=True)
    with (host.bwdata / path).open("a") as stream:
        stream.write(text)


def answer(host, settings=None, **options):
    found, _warnings = asked_first(host, settings, **options)
    return found


def _with(text, path=FILE, starts=True):
    """Add to a file that the containers were started on."""

    def prepare(host):
        add(host, path, text)
        if starts:
            host.containers.clear()
            host.start()
            host.now += 60

    return prepare


@pytest.mark.parametrize(
    ("prepare", "settings", "options"),
    [
        pytest.param(None, None, {}, id="no settings asked for"),
        pytest.param(
            lambda host: add(host, ".bitwarden-replaced-1/config.yml", ""), None, {}, id="what a restore replaced"
        ),
        pytest.param(None, OFF, {}, id="a setting that the file has"),
        pytest.param(None, SettingsRequest(settings={ABSENT: None}), {}, id="a setting that is to be absent"),
        pytest.param(_with(f"{PORT}=587\n"), SettingsRequest(settings={PORT: 587}), {}, id="a number"),
        pytest.param(
            _with(f"{PASSWORD}=plainword\n"), SettingsRequest(secret_settings={PASSWORD: "plainword"}), {}, id="secret"
        ),
        pytest.param(
            _with("globalSettings__baseServiceUri__cloudRegion=US\n"), SettingsRequest(region="US"), {}, id="the region"
        ),
        pytest.param(
            _with("SA_PASSWORD=plainword\n", "env/mssql.override.env"),
            SettingsRequest(file="mssql", secret_settings={"SA_PASSWORD": "plainword"}),
            {},
            id="another file",
        ),
        pytest.param(None, SettingsRequest(settings={"globalSettings__noSuch": None}), {}, id="an unknown setting"),
        pytest.param(lambda host: setattr(host, "health", "starting"), None, {"wait": False}, id="without a wait"),
        pytest.param(lambda host: setattr(host, "health", "starting"), None, {"check_mode": True}, id="a prediction"),
        pytest.param(
            lambda host: (host.bwdata.parent / "bitwarden.sh").unlink(), None, {"pull": False}, id="no script"
        ),
        pytest.param(
            lambda host: setattr(host, "model_names_env_files", False), OFF, {}, id="a Compose that names no env files"
        ),
    ],
)
def test_what_both_take_for_unchanged(settled, run, prepare, settings, options):
    if prepare:
        prepare(settled)
    found, warnings = asked_first(settled, settings, **options)
    assert found is not None
    if "check_mode" not in options:
        assert run(settings, **options)[0]["warnings"] == warnings
    assert settled.done == []


@pytest.mark.parametrize(
    "name",
    [
        *(f"env/{journal._NAME.format(name)}" for name in FILES),
        journal.LEFT_BEHIND,
        f"{journal.RESTORE_FOLDER}/journal.json",
        f"{journal.UPDATE_FOLDER}/journal.json",
        f"env/{atomic_file.PREFIX}0123",
    ],
)
def test_what_a_run_left_that_was_cut_off_is_for_module_server(settled, name):
    assert answer(settled)
    add(settled, name, "{}")
    assert answer(settled) is None


def test_what_a_run_left_beside_a_file_that_is_elsewhere_is_for_module_server(settled, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = settled.bwdata / FILE
    file.rename(elsewhere / file.name)
    file.symlink_to(elsewhere / file.name)
    assert answer(settled, OFF)
    (elsewhere / f"{MARK}tmp-0123").touch()
    assert answer(settled, OFF) is None


def test_it_does_not_wait_for_another_run(settled):
    descriptor = os.open(settled.bwdata, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert answer(settled) is None
    finally:
        os.close(descriptor)
    assert answer(settled)


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(_with(f"{CLOUD}=true\n", starts=False), id="another value"),
        pytest.param(_with(f"{CLOUD}=false\n"), id="a setting twice"),
        pytest.param(_with("broken 'line\n", starts=False), id="a file that Compose cannot parse"),
        pytest.param(lambda host: (host.bwdata / FILE).unlink(), id="no settings file"),
        pytest.param(lambda host: (host.bwdata.parent / "bitwarden.sh").unlink(), id="no bitwarden.sh"),
        pytest.param(lambda host: (host.bwdata / "docker/docker-compose.yml").unlink(), id="no Compose file"),
        pytest.param(lambda host: host.containers.clear(), id="stopped"),
        pytest.param(lambda host: host.containers.pop("mssql"), id="without a service"),
        pytest.param(lambda host: host.containers["api"].update(state="exited"), id="a service that has exited"),
        pytest.param(lambda host: host.containers["api"].update(state="restarting"), id="a service that restarts"),
        pytest.param(lambda host: host.containers["icons"].update(started=host.now - 2), id="only just started"),
        pytest.param(lambda host: host.containers["api"]["environment"].update(A="1"), id="on other settings"),
        pytest.param(lambda host: host.containers["api"].update(created=host.now), id="nginx knows other addresses"),
        pytest.param(lambda host: setattr(host, "health", "unhealthy"), id="unhealthy"),
        pytest.param(lambda host: setattr(host, "health", "starting"), id="starting"),
        pytest.param(lambda host: setattr(host, "hangs", "config"), id="a Compose that hangs"),
        pytest.param(lambda host: host.read.pop("icons"), id="a service that Compose no longer knows"),
        pytest.param(lambda host: setattr(host, "project", "other"), id="another project name"),
        pytest.param(lambda host: host.compose_environment.update(api={CLOUD.lower(): "true"}), id="shadowed"),
    ],
)
def test_what_is_left_to_module_server(settled, prepare):
    assert answer(settled, OFF)
    prepare(settled)
    assert answer(settled, OFF) is None
    assert settled.done == []


@pytest.mark.parametrize(
    ("settings", "options"),
    [
        (OFF, {"state": "restarted"}),
        (OFF, {"state": "stopped"}),
        (OFF, {"config": {"http_port": 80}}),
        (OFF, {"certificate": {"cert": "x", "key": "y"}}),
        (SettingsRequest(settings={PORT: "no number"}), {}),
        (SettingsRequest(settings={"globalSettings__installation__id": None}), {}),
        (SettingsRequest(settings={"globalSettings__noSuch": 1}, unknown_settings="fail"), {}),
    ],
)
def test_options_for_which_the_host_is_not_asked(settled, settings, options):
    asked = []
    settled.request = lambda *request: asked.append(request)
    assert answer(settled, settings, **options) is None
    assert not asked


def test_what_it_sends_to_every_host_stays_small():
    """``docs/performance.md`` has the target; half of what a ping sends may be added to that."""
    root = WORK / "collections" / "ansible_collections" / "selfhosted" / "bitwarden" / "plugins"
    found = set()

    def follow(path: Path):
        if path in found:
            return
        found.add(path)
        for dots, name in re.findall(r"from (\.+)([\w.]*) import ", path.read_text()):
            folder = path.parents[len(dots) - 1]
            follow(folder.joinpath(*name.split(".")).with_suffix(".py") if name else folder / "session.py")
        for name in re.findall(r"bitwarden\.plugins\.([\w.]+) import", path.read_text()):
            follow(root.joinpath(*name.split(".")).with_suffix(".py"))

    follow(root / "modules" / "server_unchanged.py")
    assert sum(len(zlib.compress(path.read_bytes())) for path in found) < 58_000
    assert len(found) < 40
