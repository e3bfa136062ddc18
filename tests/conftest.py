# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests marked ``fleet`` bring a fleet up: each worker (pytest-xdist) has its own. What takes long begins first."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys

import pytest

from tests.support.fleet import FleetError, locks
from tests.support.tools import time_spent
from tests.support.tools.commands import ROOT, WORK

# The files that take longer than a minute, about longest first.
LONG = [
    "test_documentation",
    "test_server",
    "test_sanity",
    "test_secrets",
    "test_connectivity",
    "test_update",
    "test_fleet_behaviour",
    "test_update_fleet",
    "test_install",
    "test_restore",
    "test_api",
    "test_fleet_playbook",
    "test_cloud_flow",
    "test_other_projects",
]
# Whose tests share nothing, and take minutes each.
APART = {"test_sanity"}
# Given back when the process ends.
_FLEET = contextlib.ExitStack()
_SPENT = time_spent.TimeSpent()


def take_fleet(config: pytest.Config) -> None:
    """Wait until no other run uses the fleet; said past pytest's capture, as it can take long."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
        _FLEET.enter_context(locks.using(lambda waiting: print(waiting, file=sys.stderr, flush=True)))


@functools.lru_cache
def bring_up(config: pytest.Config) -> str:
    """Take the fleet and bring it up (quick when it is); return what went wrong."""
    try:
        take_fleet(config)
    except FleetError as error:
        return str(error)
    log = WORK / "logs" / f"fleet-{os.environ.get('PYTEST_XDIST_WORKER', 'here')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", "tests.support.fleet", "up"],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=1200,
            check=False,
        )
    if not done.returncode:
        return ""
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
    return f"the fleet could not be set up:\n{tail}\nThe whole log: {log}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first, so that no worker is left with it at the end."""
    items.sort(key=_turn)


def pytest_itemcollected(item: pytest.Item) -> None:
    # The tests of a file share hosts and fixtures; another file is free to run elsewhere.
    if item.path.stem not in APART:
        item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _turn(item: pytest.Item) -> int:
    name = item.path.stem
    if name in LONG:
        return LONG.index(name)
    if item.get_closest_marker("fleet"):
        return len(LONG)
    # Files with many quick tests fill the end.
    return len(LONG) + (2 if "unit" in item.path.parts else 1)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    _SPENT.add(report.nodeid, report.duration, report.when == "teardown")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print where the time went, by file, where durations are asked for."""
    if config.getoption("durations", None):
        terminalreporter.write_sep("=", "time by file: seconds of all workers, tests")
        terminalreporter.write_line("\n".join(_SPENT.lines(time_spent.now())))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("fleet"):
        problem = bring_up(item.config)
        if problem:
            pytest.fail(problem, pytrace=False)
