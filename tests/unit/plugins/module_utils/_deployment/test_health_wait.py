# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The wait for the services: who is asked, who is believed, and who is told to be dying."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.docker import Container
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.health_wait import (
    Clock,
    HealthWait,
    NotWell,
    last_words,
)

ASK = ("sh", "-c", "ask")
CRASH = "Unhandled exception. Failed to convert configuration value 'hunter2' at 'GlobalSettings:X'"


def container(service="api", **changes):
    values = {
        "id": service, "service": service, "state": "running", "health": "starting", "restarts": 0, "created": 100.0,
        "started": 100.0, "finished": 0.0, "image": "i", "image_id": "sha", "labels": {}, "environment": {},
        "health_check": ASK,
    }  # fmt: skip
    return Container(**{**values, **changes})


class World:
    """A scripted engine: ``looks`` gives the containers at each look, ``answers`` who answers from which time on."""

    def __init__(self, looks, answers=None, log="fine\n"):
        self.looks = looks
        self.answers = answers or {}
        self.log = log
        self.now = 100.0
        self.asked = []

    def look(self):
        found = self.looks[0]
        if len(self.looks) > 1:
            self.looks.pop(0)
        return found

    def ask(self, containers, timeout):
        self.asked += [one.service for one in containers]
        return {one.id: self.answers.get(one.service, 0.0) <= self.now for one in containers}

    def last_lines(self, one, count):
        return self.log

    def wait(self, services, timeout=60.0, begun=100.0):
        def sleep(seconds):
            self.now += seconds

        clock = Clock(lambda: self.now, sleep)
        waiting = HealthWait(self, self.look, lambda text: text.replace("hunter2", "***"), clock)
        return waiting.wait(services, timeout, begun)


def test_it_ends_when_the_last_one_answers_and_asks_nobody_twice():
    world = World([[container("api"), container("identity")]], {"identity": 103.0})
    assert world.wait(["api", "identity"]) == ("api", "identity")
    assert world.now == 103.0
    assert world.asked.count("api") == 1


def test_who_was_started_anew_is_asked_again():
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
        (container(), ["api"], "api does not answer its health check. Its last words: fine"),
        (container(state="paused"), ["api"], "api is paused"),
        (container(), ["api", "sso"], "sso has no container"),
    ],
)
def test_the_time_is_up(one, services, reason):
    world = World([[one]], {"api": 1e9})
    with pytest.raises(NotWell, match="Not well after 1m") as caught:
        world.wait(services)
    assert reason in str(caught.value)
    assert 160 <= world.now <= 161


def restarting(restarts, **changes):
    return container(state="restarting", restarts=restarts, **changes)


@pytest.mark.parametrize(
    ("looks", "begun"),
    [
        pytest.param([[restarting(n)] for n in range(4)], 100.0, id="made now, dies three times"),
        pytest.param([[restarting(40)]], 1e9, id="has died for long"),
        pytest.param([[container(restarts=40)], [container(restarts=41)]], 1e9, id="has died for long, seen alive"),
        pytest.param([[container(restarts=1)], [container(restarts=4)]], 1e9, id="dies three times while waited for"),
    ],
)
def test_a_dying_service_is_told_long_before_the_time_is_up(looks, begun):
    world = World(looks, {"api": 1e9}, log=f"old line\n{CRASH}\n   at System.Boolean.Parse\n   at B\n   at C\n")
    with pytest.raises(NotWell, match=r"api keeps dying \(\d+ restarts\)\. Its last words: Unhandled") as caught:
        world.wait(["api"], timeout=600.0, begun=begun)
    assert world.now < 110
    assert "hunter2" not in str(caught.value) and "***" in str(caught.value)


def test_two_restarts_are_forgiven_and_more_while_the_database_is_not_there():
    world = World([[container(restarts=2)], [container(restarts=2, state="restarting")], [container(restarts=2)]],
                  {"api": 102.0})  # fmt: skip
    assert world.wait(["api"]) == ("api",)
    database = container("mssql")
    looks = [[restarting(n), database] for n in (3, 4, 5)] + [[container(restarts=5), database]]
    assert World(looks, {"mssql": 102.0}).wait(["api", "mssql"]) == ("api", "mssql")
    looks = [[restarting(n), database] for n in range(8)]
    with pytest.raises(NotWell, match="api keeps dying"):
        World(looks, {"mssql": 1e9}).wait(["api", "mssql"])


def test_one_that_ended_for_good_is_told():
    world = World([[container(state="exited", finished=101.0)]])
    with pytest.raises(NotWell, match="api has ended"):
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
def test_last_words(log, words):
    assert last_words(log) == words
