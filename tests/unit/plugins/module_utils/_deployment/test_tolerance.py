# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which services do not decide over a run, and what a run on a host in memory makes of them."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.composition import Service
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.drift import Stack
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import StateError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.tolerance import tolerated, troubled
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest

from .containers import make_container
from .fake_host import READ, FakeHost

CLOUD = "globalSettings__enableCloudCommunication"
ON = SettingsRequest(cloud_communication=True)
NOW = 1000.0


def stack(*containers, services=("api", "mssql", "tunnel"), readers=("api",), changed=()):
    wanted = {name: {"X": "1"} if name in changed else {} for name in services}
    return Stack({name: Service(name, "i", wanted[name], name in readers) for name in services}, list(containers), {})


@pytest.mark.parametrize(
    ("changes", "is_troubled"),
    [
        ({}, False),
        ({"health": "healthy"}, False),
        ({"health": "unhealthy"}, True),
        ({"health": "starting", "id": "answers"}, False),
        ({"health": "starting", "id": "silent"}, True),
        ({"state": "restarting", "restarts": 9}, True),
        pytest.param({"restarts": 9, "started": NOW - 3}, True, id="crash-loops, and is running at the moment"),
        pytest.param({"restarts": 9, "started": NOW - 300}, False, id="was restarted once upon a time"),
        ({"state": "paused"}, True),
        ({"state": "created"}, True),
        ({"state": "exited"}, True),
        pytest.param({"state": "exited", "completed": True}, False, id="a job that is done"),
        pytest.param(None, True, id="no container"),
    ],
)
def test_what_is_in_trouble_before_a_run(changes, is_troubled):
    others = [make_container("api"), make_container("mssql")]
    found = stack(*others, *([] if changes is None else [make_container("tunnel", **changes)]))

    def ask(asked):
        return {one.id: one.id == "answers" for one in asked}

    assert troubled(found, NOW, ask) == ({"tunnel"} if is_troubled else set())


def test_of_several_containers_one_in_trouble_is_enough_but_not_one_that_was_never_started():
    beside = [make_container("api"), make_container("mssql"), make_container("tunnel")]
    assert troubled(stack(*beside, make_container("tunnel", state="exited")), NOW) == {"tunnel"}
    assert troubled(stack(*beside, make_container("tunnel", state="created")), NOW) == set()


def test_of_a_stopped_server_its_own_services_are_not_in_trouble():
    assert troubled(stack(), NOW, lambda asked: {}) == {"tunnel"}


def test_icons_is_not_asked():
    found = stack(
        make_container("icons", health="unhealthy"), make_container("icons", health="starting"), services=("icons",)
    )
    assert troubled(found, NOW, lambda asked: pytest.fail("asked")) == set()


@pytest.mark.parametrize(
    ("options", "writes", "expected"),
    [
        pytest.param({}, True, {"mssql", "tunnel"}, id="uses none of the changed files"),
        pytest.param({"readers": ("api", "tunnel")}, True, {"mssql"}, id="uses the file"),
        pytest.param({"readers": ("api", "tunnel")}, False, {"tunnel"}, id="the file does not change"),
        pytest.param({"changed": ("tunnel",)}, True, {"mssql"}, id="its own settings were edited by hand"),
        pytest.param({}, False, {"tunnel"}, id="nothing is written: Bitwarden's own health is what it is about"),
    ],
)
def test_whose_trouble_is_tolerated(options, writes, expected):
    names = ("api", "mssql", "tunnel")
    found = stack(*map(make_container, names), **options)
    assert tolerated(found, frozenset(names), writes) == expected
    assert tolerated(found, frozenset(), writes) == set()


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setitem(READ, "tunnel", [])
    fake = FakeHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    fake.compose_environment["tunnel"] = {"TUNNEL": "1"}
    return fake


def tunnel_crashes(host):
    host.crashes = lambda environment: "TUNNEL" in environment


def tunnel_is_silent(host):
    host.unhealthy = lambda service, environment: service in ("icons", "tunnel")


def tunnel_has_ended(host):
    host.containers["tunnel"].update(state="exited")
    host.ends = ("tunnel",)


def tunnel_cannot_be_created(host):
    host.containers.pop("tunnel")
    host.cannot_create = ("tunnel",)


TROUBLES = {
    tunnel_crashes: "tunnel crash-loops (3 restarts).",
    tunnel_is_silent: "tunnel does not answer its health check.",
    tunnel_has_ended: "tunnel has exited.",
    tunnel_cannot_be_created: "tunnel has no container.",
}


@pytest.mark.parametrize("pull", [True, False])
@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_foreign_service_in_trouble_does_not_decide_over_settings(host, run, trouble, pull):
    if trouble is tunnel_crashes:
        trouble(host)
    host.start()
    trouble(host)
    host.now += 1
    begun = host.now
    outcome, error = run(ON, pull=pull)
    assert (error, outcome["rolled_back"], outcome["changed"]) == ("", False, True)
    assert host.containers["api"]["environment"][CLOUD] == "true"
    (warning,) = outcome["warnings"]
    assert warning.startswith(TROUBLES[trouble])
    assert warning.endswith("It was not healthy before this run either.")
    assert host.now - begun < 60, "the whole time was waited for it"


@pytest.mark.parametrize("trouble", [tunnel_crashes, tunnel_is_silent, tunnel_has_ended])
def test_nor_over_an_unchanged_run(host, run, trouble):
    if trouble is tunnel_crashes:
        trouble(host)
    host.start()
    trouble(host)
    outcome, error = run()
    assert (error, outcome["changed"], host.done) == ("", False, [])
    assert outcome["warnings"][0].startswith("tunnel ")


def test_a_job_of_the_user_that_is_done_is_neither_missing_nor_unhealthy(host, run):
    host.start().containers["tunnel"].update(state="exited", policy="no")
    outcome, error = run()
    assert (error, outcome["changed"], outcome["warnings"], host.done) == ("", False, [], [])


def test_what_this_run_broke_is_a_failure(host, run):
    host.start().health = "healthy"
    host.now += 100
    host.unhealthy = lambda service, environment: service in ("icons", "tunnel")
    host.health = "healthy"
    outcome, error = run(ON, wait_timeout=20.0)
    assert "Not healthy after 20s: tunnel does not answer" in error
    assert outcome["rolled_back"] is True


def test_bitwarden_own_service_that_was_unhealthy_does_not_decide_over_settings_that_it_does_not_use(host, run):
    host.start().unhealthy = lambda service, environment: service in ("icons", "mssql")
    outcome, error = run(ON, wait_timeout=60.0)
    assert (error, outcome["rolled_back"]) == ("", False)
    assert outcome["warnings"][0].startswith("mssql does not answer its health check.")
    # Where no file changes its health is what the run is about.
    _outcome, error = run(wait_timeout=20.0)
    assert "Not healthy after 20s: mssql" in error


def test_a_rollback_is_not_held_up_either(host, run):
    host.start()
    host.crashes = lambda environment: environment.get(CLOUD) == "true"
    tunnel_is_silent(host)
    outcome, error = run(ON)
    assert outcome["rolled_back"] is True
    assert "api crash-loops" in error and "the server is running on the old ones" in error
    assert outcome["warnings"][0].startswith("tunnel does not answer")


def test_without_a_wait_what_is_still_missing_is_told(host, run):
    host.start()
    tunnel_cannot_be_created(host)
    outcome, error = run(ON, wait=False)
    assert error == ""
    assert outcome["warnings"][0].startswith("tunnel: no container is running, as before this run.")


@pytest.mark.parametrize("pull", [True, False])
def test_a_foreign_image_that_cannot_be_had_does_not_keep_the_others_down(host, run, pull):
    host.start().containers.pop("tunnel")
    host.images_gone, host.missing_images, host.pull_fails = {"tunnel"}, {"ghcr.io/bitwarden/tunnel:2026.8.0"}, True
    outcome, error = run(ON, pull=pull)
    assert (error, outcome["rolled_back"]) == ("", False)
    # Compose would give up half-way through replacing containers, and leave some of them behind.
    ups = [done for done in host.done if done.startswith("up")]
    assert ups == ["up api icons identity mssql nginx"]
    assert host.containers["api"]["environment"][CLOUD] == "true"
    assert set(READ) - set(host.containers) == {"tunnel"}
    assert any(warning.startswith("tunnel has no container.") for warning in outcome["warnings"])


@pytest.mark.parametrize("pull", [True, False])
def test_where_nothing_could_be_started_nothing_has_changed_and_the_cause_is_told(host, run, pull):
    host.start().containers.pop("tunnel")
    host.images_gone, host.missing_images, host.pull_fails = {"tunnel"}, {"ghcr.io/bitwarden/tunnel:2026.8.0"}, True
    outcome, error = run(pull=pull)
    assert (error, outcome["changed"], outcome["restarted"]) == ("", False, False)
    pulled = "were not pulled: ghcr.io/bitwarden/tunnel:2026.8.0. docker compose pull ended with status 18"
    told = pulled if pull else "ghcr.io/bitwarden/tunnel:2026.8.0 of tunnel is not local, and pull is false"
    assert told in outcome["warnings"][0]


def port_is_taken(host):
    host.compose_services["tunnel"] = {"ports": [{"target": 1, "published": "8443", "protocol": "tcp"}]}
    host.other("blocker", ports=(8443,))
    return "taken by the container blocker"


def name_is_taken(host):
    host.other("bitwarden-tunnel")
    return "bitwarden-tunnel"


def image_is_missing(host):
    host.images_gone, host.missing_images = {"tunnel"}, {"ghcr.io/bitwarden/tunnel:2026.8.0"}
    return "is not local, and pull is false"


def context_is_missing(host):
    image_is_missing(host)
    host.compose_services["tunnel"] = {"build": {"context": f"{host.bwdata}/docker/tunnel"}}
    return f"{host.bwdata}/docker/tunnel, from which Compose builds tunnel, does not exist"


@pytest.mark.parametrize("blocks", [port_is_taken, name_is_taken, image_is_missing, context_is_missing])
def test_check_mode_knows_that_nothing_can_be_started(host, planned, run, blocks):
    host.start().containers.pop("tunnel")
    told = blocks(host)
    found = planned(pull=False)
    assert (found.changed, found.action) == (False, "")
    assert told in found.warnings[0]
    outcome, error = run(pull=False)
    assert (error, outcome["changed"], outcome["restarted"], host.done) == ("", False, False, [])
    assert outcome["warnings"][0] == found.warnings[0]
    assert outcome["warnings"][1].startswith("tunnel has no container.")
    # What else is to be done is done.
    outcome, error = run(ON, pull=False)
    assert (error, outcome["changed"]) == ("", True)


@pytest.mark.parametrize("context", ["https://example.com/tunnel.git", ""])
def test_what_compose_can_build_is_not_blocked(host, planned, context):
    host.start().containers.pop("tunnel")
    image_is_missing(host)
    host.compose_services["tunnel"] = {"build": {"context": context or str(host.bwdata)}}
    assert planned(pull=False).changed is True


def test_why_compose_cannot_start_a_foreign_service_is_told(host, run):
    host.start().containers.pop("tunnel")
    host.images_gone = {"tunnel"}
    outcome, error = run()
    assert (error, outcome["changed"]) == ("", False)
    assert "docker compose up tunnel ended with status 1; its last line: No such image." in outcome["warnings"]


def test_a_foreign_service_that_is_missing_is_started_without_a_restart_of_the_others(host, run):
    host.start().containers.pop("tunnel")
    before = {name: one["started"] for name, one in host.containers.items() if name != "nginx"}
    outcome, error = run()
    assert (error, outcome["changed"], host.done) == ("", True, ["up"])
    assert {name: host.containers[name]["started"] for name in before} == before
    assert host.containers["tunnel"]["state"] == "running"


@pytest.mark.parametrize(("service", "is_refused"), [("tunnel", False), ("mssql", True)])
def test_what_keeps_a_missing_foreign_service_from_starting_is_a_warning(host, planned, run, service, is_refused):
    host.compose_services[service] = {"ports": [{"target": 1, "published": "8443", "protocol": "tcp"}]}
    host.start().containers.pop(service)
    host.other("blocker", ports=(8443,))
    host.cannot_create = (service,)
    if is_refused:
        with pytest.raises(StateError, match="Port 8443/tcp, which mssql publishes, is taken by the container blocker"):
            planned(ON)
        return
    outcome, error = run(ON)
    assert error == ""
    assert outcome["warnings"][0].startswith("Port 8443/tcp, which tunnel publishes, is taken by the container blocker")
