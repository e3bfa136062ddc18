# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wait for the services: which are asked, when Docker's state is enough, and which crash-loop."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.health_wait import (
    Clock,
    HealthWait,
    UnhealthyError,
    last_log_lines,
)

from .containers import make_container

ASK = ("sh", "-c", "ask")
CRASH = "Unhandled exception. Failed to convert configuration value 'hunter2' at 'GlobalSettings:X'"


def container(service="api", **changes):
    return make_container(service, **{"health": "starting", "health_check": ASK, **changes})


class World:
    """A scripted engine: the containers at each inspection, and from which time on a service answers."""

    def __init__(self, looks, answers=None, log="fine\n"):
        self.looks = looks
        self.answers = answers or {}
        self.log = log
        self.now = 100.0
        self.asked = []

    def inspect(self):
        found = self.looks[0]
        if len(self.looks) > 1:
            self.looks.pop(0)
        return found

    def ask(self, containers, timeout):
        self.asked += [one.service for one in containers]
        return {one.id: self.answers.get(one.service, 0.0) <= self.now for one in containers}

    def last_lines(self, one, count):
        return self.log

    def waiting(self):
        def sleep(seconds):
            self.now += seconds

        clock = Clock(lambda: self.now, sleep)
        return HealthWait(self, self.inspect, lambda text: text.replace("hunter2", "***"), clock)

    def wait(self, services, timeout=60.0, begun=100.0):
        return self.waiting().wait(services, timeout, begun).answered


def test_it_ends_when_the_last_one_answers_and_asks_none_twice():
    world = World([[container("api"), container("identity")]], {"identity": 103.0})
    assert world.wait(["api", "identity"]) == ("api", "identity")
    assert world.now == 103.0
    assert world.asked.count("api") == 1


def test_what_compose_left_behind_while_it_replaced_a_container_is_not_waited_for():
    assert World([[container("api"), container("api", id="new", state="created")]]).wait(["api"]) == ("api",)


def test_what_was_started_again_is_asked_again():
    first, second = container("api", started=100.0), container("api", started=101.0)
    other = container("identity")
    world = World([[first, other], [second, other]], {"identity": 101.0})
    world.wait(["api", "identity"])
    assert world.asked.count("api") == 2


def test_icons_and_services_without_health_check_only_have_to_run_for_a_moment():
    world = World([[container("icons"), container("web", health_check=None)]], {"icons": 1e9})
    assert world.wait(["icons", "web"]) == ()
    assert world.now == 105.0
    assert world.asked == []


@pytest.mark.parametrize(
    ("one", "services", "reason"),
    [
        (container(), ["api"], "api does not answer its health check. Its last log lines: fine"),
        (container(state="paused"), ["api"], "api is paused"),
        (container(), ["api", "sso"], "sso has no container"),
    ],
)
def test_the_time_is_up(one, services, reason):
    world = World([[one]], {"api": 1e9})
    with pytest.raises(UnhealthyError, match="Not healthy after 1m") as caught:
        world.wait(services)
    assert reason in str(caught.value)
    assert 160 <= world.now <= 161


def restarting(restarts, **changes):
    return container(state="restarting", restarts=restarts, **changes)


@pytest.mark.parametrize(
    ("looks", "begun"),
    [
        pytest.param([[restarting(n)] for n in range(4)], 100.0, id="created now, crashes three times"),
        pytest.param([[restarting(40)]], 1e9, id="has crashed for long"),
        pytest.param(
            [[container(restarts=40)], [container(restarts=41)]], 1e9, id="has crashed for long, seen running"
        ),
        pytest.param(
            [[container(restarts=1)], [container(restarts=4)]], 1e9, id="crashes three times while waited for"
        ),
    ],
)
def test_a_crash_loop_is_told_long_before_the_time_is_up(looks, begun):
    world = World(looks, {"api": 1e9}, log=f"old line\n{CRASH}\n   at System.Boolean.Parse\n   at B\n   at C\n")
    with pytest.raises(
        UnhealthyError, match=r"api crash-loops \(\d+ restarts\)\. Its last log lines: Unhandled"
    ) as caught:
        world.wait(["api"], timeout=600.0, begun=begun)
    assert world.now < 110
    assert "hunter2" not in str(caught.value) and "***" in str(caught.value)


def test_two_restarts_are_accepted_and_more_while_the_database_does_not_answer():
    world = World([[container(restarts=2)], [container(restarts=2, state="restarting")], [container(restarts=2)]],
                  {"api": 102.0})  # fmt: skip
    assert world.wait(["api"]) == ("api",)
    database = container("mssql")
    looks = [[restarting(n), database] for n in (3, 4, 5)] + [[container(restarts=5), database]]
    assert World(looks, {"mssql": 102.0}).wait(["api", "mssql"]) == ("api", "mssql")
    looks = [[restarting(n), database] for n in range(8)]
    with pytest.raises(UnhealthyError, match="api crash-loops"):
        World(looks, {"mssql": 1e9}).wait(["api", "mssql"])


def test_without_a_change_the_engine_is_believed_where_it_says_healthy_and_others_are_asked():
    containers = [container("api", health="healthy"), container("sso", health="starting"), container("icons")]
    world = World([[]])
    world.now = 200.0
    healthy = world.waiting().wait_unchanged(["api", "sso", "icons"], 60.0, containers)
    assert (healthy.answered, healthy.containers) == (("api", "sso"), containers)
    assert (world.asked, world.now) == (["sso"], 200.0)


@pytest.mark.parametrize("health", ["unhealthy", "starting"])
def test_without_a_change_what_is_not_healthy_is_waited_for(health):
    one = container(health=health)
    world = World([[one]], {"api": 105.0})
    assert world.waiting().wait_unchanged(["api"], 60.0, [one]).answered == ("api",)
    assert world.now == 105.0


def test_after_a_change_the_engine_is_not_believed():
    world = World([[container(health="healthy")]], {"api": 105.0})
    assert world.wait(["api"]) == ("api",)
    assert world.now == 105.0


def test_a_crash_loop_is_told_although_the_engine_still_says_healthy():
    one = container(health="healthy", state="restarting", restarts=40)
    with pytest.raises(UnhealthyError, match="api crash-loops"):
        World([[one]]).waiting().wait_unchanged(["api"], 600.0, [one])


def test_one_that_ended_for_good_is_told():
    world = World([[container(state="exited", finished=101.0)]])
    with pytest.raises(UnhealthyError, match="api has exited"):
        world.wait(["api"], timeout=600.0)
    assert world.now < 110


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("a\nb\n\nc\nd\n", "b | c | d"),
        (f"{CRASH} 1\n  x\n{CRASH} 2\n  at a\n  at b\n  at c\n", f"{CRASH} 2 | at a | at b"),
        ("", ""),
    ],
)
def test_last_log_lines(log, words):
    assert last_log_lines(log) == words
