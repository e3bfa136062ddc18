# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole look at the way to the cloud, on a host in memory: what is asked from where, and what is said of it."""

from __future__ import annotations

import json
import os
import time
from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import run as run_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.cloud import log_in, probe
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.container import NamespaceError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.failures import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.run import check_connectivity
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import (
    Request,
    SettingsChange,
    StateError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.modules.cloud_connectivity_info import is_current

from .._deployment.fake_host import FakeHost

KEY = "CanaryInstallationKey"
CLOUD = "globalSettings__enableCloudCommunication"
PUSH = "globalSettings__pushRelayBaseUri=https://push.bitwarden.com\n"
INSTALLATION = json.dumps({"object": "installation", "enabled": True})
FINE = Outcome(True, "", "answered 200", "", 200, INSTALLATION)
REFUSED = Outcome(False, "tcp", "connection refused", "Open the firewall.")
ON = SettingsRequest(cloud_communication=True)


class Place:
    """Stands in for the network of this host or of the container."""

    def __init__(self, name, world):
        self.name, self.world = name, world

    def call(self, function, *arguments):
        if function is log_in:
            self.world["asked"].append((self.name, "login"))
            return Outcome(True, "", f"accepted, {KEY}")
        assert function is probe
        time.sleep(self.world["pause"])
        if isinstance(self.world[self.name], Exception):
            raise self.world[self.name]
        self.world["asked"] += [(self.name, one.url) for one in arguments[0]]
        return {one.name: self.world[self.name].get(one.name, FINE) for one in arguments[0]}

    def close(self):
        self.world["closed"] += 1


@pytest.fixture
def host(tmp_path, monkeypatch):
    class WithProcess(FakeHost):
        def run(self, arguments, timeout, **keywords):
            if arguments[1:3] == ["exec", "--interactive"]:
                time.sleep(self.world["pause"])
                refused = "wget: can't connect to remote host (192.0.2.1): Connection refused"
                said = "".join(f"{name} 1 {refused}\n" for name in self.world["image"])
                return Result(0 if said else 127, said, "")
            return super().run(arguments, timeout, **keywords)

    fake = WithProcess(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    fake.pid = os.getpid()
    (fake.bwdata / "docker" / "global.env").write_text(PUSH)
    return fake


def be(monkeypatch, root):
    """Let the check run as root, or not."""
    monkeypatch.setattr(run_module, "os", SimpleNamespace(geteuid=lambda: 0 if root else 1000))


@pytest.fixture
def world(host, monkeypatch):
    """Return what ``host``, ``container``, ``image`` say (by endpoint), and what they were asked (``asked``)."""
    found = {"host": {}, "container": {}, "image": [], "asked": [], "closed": 0, "environment": None, "here": True,
             "entering": None, "pause": 0.0}  # fmt: skip
    host.world = found

    def enter(process, environment, certificates, timeout):
        found["environment"] = environment
        failure = found.get("entering")
        if failure:
            raise failure
        return Place("container", found)

    monkeypatch.setattr(run_module.Network, "call", lambda network, *what: Place("host", found).call(*what))
    monkeypatch.setattr(run_module, "ContainerNamespace", enter)
    be(monkeypatch, root=True)
    monkeypatch.setattr(run_module, "belongs_to", lambda process, container: found["here"])
    return found


@pytest.fixture
def plan(host, tmp_path):
    def make(request=None):
        asked = request or SettingsRequest()
        settings = SettingsChange.requested(asked, str(host.bwdata))
        return plan_module.plan(Deployment(str(host.bwdata), None, {}), Request(settings=settings, pull=False))

    return make


@pytest.fixture
def gather(host, plan):
    def run(request=None, login=True, environ=None):
        planned = plan(request)
        before = {path: path.read_bytes() for path in host.bwdata.rglob("*") if path.is_file()}
        report = check_connectivity(
            planned.deployment, planned.stack, planned.removed, environ=environ or {}, timeout=5, login=login
        )
        found = report.result(planned.mask)
        assert {path: path.read_bytes() for path in host.bwdata.rglob("*") if path.is_file()} == before
        assert host.done == [] and KEY not in str(found)
        found["warnings"] = [one.line for one in report.checks if not one.ok and not one.counts]
        return found

    return run


def checks(found):
    return {(one["name"], one["from"]): one for one in found["checks"]}


def test_all_is_fine(host, world, gather):
    host.start()
    found = gather()
    assert found["ok"] and found["problems"] == [] and found["region"] == "US"
    assert found["installation"] == {
        "id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b", "known_in": "US", "enabled": True, "credentials_ok": True,
    }  # fmt: skip
    connections = [(name, where) for name in ("api", "identity", "push") for where in ("host", "container")]
    others = [(name, "host") for name in ("installation", "credentials", "settings")]
    assert list(checks(found)) == [*connections, *others]
    assert [what for _where, what in world["asked"]].count("login") == 1
    assert world["closed"] == 1


def test_the_wanted_region_is_asked_and_not_the_one_that_is_left(host, world, gather):
    host.start()
    gather(SettingsRequest(region="EU"))
    assert world["asked"] and not [what for _where, what in world["asked"] if "bitwarden.com" in what]


def test_wanted_and_removed_settings_reach_the_container(host, world, gather):
    (host.bwdata / "env" / "global.override.env").write_text("HTTPS_PROXY=http://old.test\nNO_PROXY=x\n")
    host.start()
    gather(SettingsRequest(settings={"HTTPS_PROXY": "http://new.test", "NO_PROXY": None}))
    assert world["environment"]["HTTPS_PROXY"] == "http://new.test" and "NO_PROXY" not in world["environment"]


def test_blocked_for_the_container_alone(host, world, gather):
    host.start()
    world["container"] = dict.fromkeys(("api", "identity", "push"), REFUSED)
    found = gather()
    assert not found["ok"] and len(found["problems"]) == 3
    assert (
        "api from the container (https://api.bitwarden.com): connection refused. This host itself"
        in found["problems"][0]
    )
    assert "DOCKER-USER" in checks(found)["api", "container"]["advice"]
    assert checks(found)["credentials", "host"]["ok"]


def test_blocked_for_the_host_alone_is_no_problem(host, world, gather):
    host.start()
    world["host"] = dict.fromkeys(("api", "identity", "push"), REFUSED)
    found = gather()
    assert found["ok"] and found["problems"] == []
    assert not checks(found)["api", "host"]["ok"] and "containers get through" in checks(found)["api", "host"]["advice"]
    assert len(found["warnings"]) == 3 and "connection refused" in found["warnings"][0]
    assert ("container", "login") in world["asked"]


def test_blocked_for_both(host, world, gather):
    host.start()
    world["host"] = world["container"] = dict.fromkeys(("api", "identity", "push"), REFUSED)
    found = gather()
    assert len(found["problems"]) == 6 and found["installation"]["known_in"] is None
    assert "DOCKER-USER" not in str(found["problems"])
    assert not [what for _where, what in world["asked"] if what == "login"]


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda host: None, "the stack is down"),
        (lambda host: host.start().containers.pop("api"), "the api container is not running"),
        (lambda host: host.start().containers["api"].update(state="exited"), "the api container is not running"),
    ],
)
def test_no_container_to_ask_from(host, world, gather, prepare, words):
    prepare(host)
    found = gather()
    skipped = checks(found)["api", "container"]
    assert (skipped["skipped"], skipped["ok"]) == (True, True) and words in skipped["detail"]
    assert found["ok"] and found["installation"]["credentials_ok"]
    world["host"] = {"api": REFUSED}
    assert len(gather()["problems"]) == 1


PROXY = SettingsRequest(settings={"HTTPS_PROXY": "http://me:word@proxy.test:3128"})


@pytest.mark.parametrize(
    ("request_", "environ", "counts"),
    [
        (None, {}, True),
        (PROXY, {}, False),
        (PROXY, {"https_proxy": "http://me:word@proxy.test:3128"}, True),
        # The host's own proxy fails, and the server has none.
        (None, {"HTTPS_PROXY": "http://proxy.test"}, False),
    ],
)
@pytest.mark.parametrize("up", [True, False])
def test_a_failing_host_counts_where_the_server_goes_the_same_way(
    host, world, gather, monkeypatch, request_, environ, counts, up
):
    """And nothing could be asked from the container: a server that needs its proxy could never be started."""
    if up:
        host.start()
        be(monkeypatch, root=False)
    world["host"] = {"api": REFUSED}
    found = gather(request_, environ=environ)
    check = checks(found)["api", "host"]
    assert (check["ok"], found["ok"], len(found["problems"])) == (False, not counts, int(counts))
    if not counts:
        goes = "through its proxy proxy.test port 3128" if request_ else "without a proxy"
        assert goes in check["advice"] and "once the stack is up" in check["advice"]
    assert "word" not in str(found)


def test_the_engine_of_another_machine(host, world, gather):
    """Its number of a process means another one here, whose network is nobody's business."""
    host.start()
    world["here"] = False
    world["image"] = ["api"]
    found = checks(gather())
    assert not found["api", "container"]["ok"] and found["identity", "container"]["skipped"]
    assert "its processes are not on this machine" in found["identity", "container"]["detail"]
    assert world["environment"] is None
    assert "knows no proxy" in checks(gather(PROXY))["api", "container"]["detail"]


def test_a_network_that_root_cannot_enter(host, world, gather):
    host.start()
    world["entering"] = NamespaceError("Operation not permitted")
    world["image"] = ["api"]
    found = checks(gather())
    assert not found["api", "container"]["ok"] and world["closed"] == 0
    skipped = found["identity", "container"]
    assert "the container's network could not be entered: Operation not permitted" in skipped["detail"]
    assert skipped["skipped"] and "rootless" in skipped["advice"] and "become" not in skipped["advice"]


def test_another_user_is_told_to_become_root(host, world, gather, monkeypatch):
    host.start()
    be(monkeypatch, root=False)
    world["image"] = ["api"]
    found = checks(gather())
    assert not found["api", "container"]["ok"]
    assert found["identity", "container"]["skipped"] and "become" in found["identity", "container"]["advice"]


def test_a_process_in_the_network_that_ends_is_told(host, world, gather):
    host.start()
    world["container"] = NamespaceError("the process in the container's network ended")
    found = gather()
    skipped = checks(found)["api", "container"]
    assert skipped["skipped"] and "ended" in skipped["detail"] and "again" in skipped["advice"]
    assert world["closed"] == 1 and ("host", "login") in world["asked"]


def test_a_process_that_ends_later_leaves_the_host(host, world, gather, monkeypatch):
    host.start()
    world["host"] = {"identity": REFUSED}
    whole = Place.call

    def call(place, function, *arguments):
        if function is log_in:
            raise NamespaceError("the process in the container's network ended")
        return whole(place, function, *arguments)

    monkeypatch.setattr(Place, "call", call)
    found = checks(gather())
    assert found["credentials", "host"]["skipped"] and "again" in found["api", "container"]["advice"]


@pytest.mark.parametrize("root", [True, False])
def test_host_and_container_are_asked_side_by_side(host, world, gather, monkeypatch, root):
    host.start()
    be(monkeypatch, root)
    if root:
        world["entering"] = NamespaceError("Operation not permitted")
    world["pause"] = 1.0
    begin = time.monotonic()
    gather(login=False)
    assert time.monotonic() - begin < 1.8


def test_removed_proxies_reach_the_image(host, world, gather, monkeypatch):
    (host.bwdata / "env" / "global.override.env").write_text("HTTPS_PROXY=http://old.test\n")
    host.start()
    be(monkeypatch, root=False)
    world["image"] = ["api"]
    assert "knows no proxy" in checks(gather())["api", "container"]["detail"]
    assert (
        "Connection refused"
        in checks(gather(SettingsRequest(settings={"HTTPS_PROXY": None})))["api", "container"]["detail"]
    )


@pytest.mark.parametrize(
    ("file", "start", "request_", "current"),
    [
        (f"{CLOUD}=true\n", True, ON, True),
        (f"{CLOUD}=true\n", True, None, True),
        (f"{CLOUD}=true\n", False, ON, False),
        (f"{CLOUD}=false\n", True, ON, False),
        # Cloud communication has never been on: nothing is proved, whatever else is current.
        (f"{CLOUD}=false\n", True, None, False),
        (f"{CLOUD}=true\n", True, SettingsRequest(region="EU"), False),
    ],
)
def test_is_current(host, plan, file, start, request_, current):
    (host.bwdata / "env" / "global.override.env").write_text(
        f"globalSettings__installation__key={KEY}\nglobalSettings__baseServiceUri__cloudRegion=US\n{file}"
    )
    if start:
        host.start()
    assert is_current(plan(request_)) == current


def test_a_file_that_was_changed_by_hand_is_not_current(host, plan):
    path = host.bwdata / "env" / "global.override.env"
    path.write_text(f"{CLOUD}=true\n")
    host.start()
    assert is_current(plan())
    path.write_text(f"{CLOUD}=true\nHTTPS_PROXY=http://proxy.test\n")
    assert not is_current(plan())


def test_push_off_is_skipped(host, world, gather):
    host.start()
    found = gather(SettingsRequest(settings={"globalSettings__pushRelayBaseUri": "REPLACE"}))
    assert [found_["skipped"] for key, found_ in checks(found).items() if key[0] == "push"] == [True, True]
    assert found["ok"]


def test_settings_that_cannot_be_used_are_a_finding_not_a_crash(host, world, gather):
    with (host.bwdata / "env" / "global.override.env").open("a") as stream:
        stream.write("globalSettings__installation__apiUri=nonsense\n")
    host.start()
    found = gather()
    assert checks(found)["api", "container"]["skipped"] and checks(found)["installation", "host"]["skipped"]
    assert "apiUri" in found["problems"][0]


def test_a_setting_that_would_not_take_effect_is_refused_as_by_the_server_module(host, world, gather):
    host.compose_environment["api"] = {CLOUD: "false"}
    host.start()
    with pytest.raises(StateError, match="would not take effect"):
        gather(ON)


def test_login_false(host, world, gather):
    host.start()
    found = gather(login=False)
    assert checks(found)["credentials", "host"]["skipped"] and ("host", "login") not in world["asked"]
