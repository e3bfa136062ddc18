# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests marked ``fleet`` bring the fleet up, and share it one after the other while other workers do the rest."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys

import pytest

from tests.support.fleet import FleetError, locks
from tests.support.tools.commands import ROOT, WORK

# Given back when the process ends.
_FLEET = contextlib.ExitStack()


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


def pytest_itemcollected(item: pytest.Item) -> None:
    # The hosts are shared, so whoever runs in parallel (pytest-xdist) keeps these tests on one worker.
    if item.get_closest_marker("fleet"):
        item.add_marker(pytest.mark.xdist_group("fleet"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("fleet"):
        problem = bring_up(item.config)
        if problem:
            pytest.fail(problem, pytrace=False)
