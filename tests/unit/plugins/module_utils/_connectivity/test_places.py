# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking side by side, and from a container's network."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import places, surroundings
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    API,
    IDENTITY,
    PUSH,
    api_of_region,
    wanted_endpoints,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.layers import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.login import Login
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.names import Resolver
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.places import (
    Here,
    InContainer,
    NotEntered,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.side_by_side import side_by_side
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.surroundings import (
    Surroundings,
    belongs_to,
    main_process,
    read_environment,
)

# Threads of other tests' servers are still there; a module has none when it makes its copy.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
from_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a network")
FINE = Outcome(True, "", "fine", "")
KEY = "CanaryInstallationKey"
WANTED = wanted_endpoints(
    {
        "globalSettings__installation__id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
        "globalSettings__installation__key": KEY,
        "globalSettings__pushRelayBaseUri": "https://push.bitwarden.com",
    }.get
)


def failed(detail, advice):
    return Outcome(False, "http", detail, advice)


def test_all_questions_are_under_way_before_any_is_answered():
    together = threading.Barrier(3)

    def question():
        together.wait(10)
        return FINE

    assert side_by_side(dict.fromkeys(("a", "b", "c"), question), 10, failed) == dict.fromkeys(("a", "b", "c"), FINE)


def test_what_overstays_is_left_behind(monkeypatch):
    monkeypatch.setattr(sys.modules[side_by_side.__module__], "_GRACE", 0.0)
    ended = threading.Event()

    def slow():
        ended.wait(20)
        return FINE

    found = side_by_side({"a": slow, "b": lambda: FINE}, 0.1, failed)
    assert found["b"].ok and not found["a"].ok and found["a"].advice
    ended.set()


def test_a_defect_spoils_nothing_else():
    def broken():
        raise ValueError(KEY)

    found = side_by_side({"a": broken, "b": lambda: FINE}, 1, failed)
    assert found["b"].ok and not found["a"].ok
    assert "the check itself failed: ValueError in test_places.py, line" in found["a"].detail
    assert "report it" in found["a"].advice and KEY not in str(found)


@pytest.mark.parametrize("what", [Here.outcomes, lambda here: here.probe(here.wanted.endpoint(API)), Here.login])
def test_a_server_that_drips_costs_one_time_limit(serve, authority, view, what):
    """Each byte starts a socket's own time limit anew."""
    server = serve(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1000, authority.context(), 0.2)
    wanted = wanted_endpoints(
        dict.fromkeys(("globalSettings__installation__apiUri", "globalSettings__installation__identityUri"),
                      server.url()).get
    )  # fmt: skip
    wanted = wanted._replace(endpoints=[*wanted.endpoints[:2], WANTED.endpoints[2]._replace(unusable="off")])
    begin = time.monotonic()
    found = what(Here("host", wanted, view, 2.0))
    assert time.monotonic() - begin < 1.8 * 2.0
    for one in found.values() if isinstance(found, dict) else [found]:
        assert (one.layer, bool(one.advice)) == ("http", True) and not one[0]


# The container's network


def test_the_service_behind_its_entry_script_is_found():
    script = "sleep 30 & child=$!; echo $child; wait"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True, env={"MARK": "=x"}) as wrapper:
        child = int(wrapper.stdout.readline())
        try:
            assert main_process(wrapper.pid) == child
            assert read_environment(wrapper.pid)["MARK"] == "=x"
        finally:
            os.kill(child, 9)
    assert main_process(2**22 + 1) == 2**22 + 1


def test_a_dead_child_is_not_the_service():
    """One that nobody waited for, as the first process of a container often does not."""
    with subprocess.Popen([sys.executable, "-c", "import os, time; os.fork() or os._exit(0); print(); time.sleep(30)"],
                          stdout=subprocess.PIPE) as parent:  # fmt: skip
        parent.stdout.readline()
        try:
            assert main_process(parent.pid) == parent.pid
        finally:
            parent.kill()


def test_a_service_that_just_ended_leaves_the_first_process(monkeypatch):
    monkeypatch.setattr(surroundings, "main_process", lambda init: 2**22 + 1)
    monkeypatch.setattr(surroundings, "_within", lambda root, read: root)
    monkeypatch.setattr(surroundings, "_set_namespace", lambda network: None)
    assert surroundings.enter(os.getpid(), {}) == f"/proc/{os.getpid()}/root"


def test_a_process_is_told_from_one_of_the_same_number():
    assert not belongs_to(os.getpid(), "0123456789abcdef" * 4)
    assert not belongs_to(2**22 + 1, "/")
    assert belongs_to(os.getpid(), "proc")


@from_root
def test_files_are_read_as_the_container_sees_them(tmp_path):
    """Links in it that are absolute lead to its own files, not to this host's."""
    for folder in ("etc", "tmp", "store"):
        (tmp_path / folder).mkdir()
    (tmp_path / "store" / "resolv").write_text("nameserver 192.0.2.53\n")
    (tmp_path / "etc" / "resolv.conf").symlink_to("/store/resolv")
    (tmp_path / "store" / "ca.crt").write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" * 2)
    before = sorted(Path("/").iterdir())
    found = surroundings._within(str(tmp_path), lambda: surroundings._read({"SSL_CERT_FILE": "/store/ca.crt"}))
    assert found.resolver.servers == ["192.0.2.53"] and found.resolver.hosts == {}
    assert found.certificates == [b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
    assert sorted(Path("/").iterdir()) == before


@pytest.fixture
def entered(monkeypatch):
    """``entered(around)``: our process in a container with these surroundings (an exception: that cannot be)."""
    found = []

    def start(around, changes=None, probe=lambda endpoint, view, timeout: FINE):
        def enter(init, given):
            if isinstance(around, Exception):
                raise around
            return around._replace(environment={**around.environment, **given})

        monkeypatch.setattr(places, "enter", enter)
        monkeypatch.setattr(places, "probe", probe)
        found.append(InContainer(1, changes or {}, WANTED, 5))
        return found[-1]

    yield start
    for one in found:
        one.close()


AROUND = Surroundings({}, Resolver.parse("", "nameserver 192.0.2.53\n"), [])


def test_questions_and_answers_go_through_the_copy(entered, monkeypatch):
    def probe(endpoint, view, timeout):
        return FINE._replace(detail=f"{os.getpid()} {endpoint.question} {view.environment.get('HTTPS_PROXY')}")

    monkeypatch.setattr(places, "try_login", lambda wanted, view, timeout: Login(wanted.key == KEY, "", "", ""))
    copy = entered(AROUND, {"HTTPS_PROXY": "http://proxy.test"}, probe)
    copy.ensure_entered()
    outcomes = copy.outcomes()
    assert set(outcomes) == {API, IDENTITY, PUSH} and copy.outcomes() is outcomes
    process, question, proxy = outcomes[API].detail.split()
    assert process != str(os.getpid()) and question == WANTED.endpoint(API).question and proxy == "http://proxy.test"
    other = api_of_region("EU", WANTED.installation_id)
    assert copy.probe(other).detail.split()[1] == other.question
    assert copy.login().accepted is True


def test_a_network_that_cannot_be_entered(entered):
    with pytest.raises(NotEntered, match="Operation not permitted"):
        entered(PermissionError(1, "Operation not permitted")).ensure_entered()


def test_a_copy_that_dies_is_told(entered):
    def probe(endpoint, view, timeout):
        os._exit(3)

    copy = entered(AROUND, None, probe)
    copy.ensure_entered()
    with pytest.raises(NotEntered, match="ended"):
        copy.outcomes()


def test_a_copy_that_dies_later_is_a_finding(entered, monkeypatch):
    monkeypatch.setattr(places, "try_login", lambda wanted, view, timeout: os._exit(3))
    copy = entered(AROUND)
    copy.ensure_entered()
    assert copy.outcomes()[API].ok
    assert (copy.login().accepted, copy.login().layer) == (None, "http")
    assert not copy.probe(WANTED.endpoint(API)).ok


@from_root
def test_the_real_way_into_a_network(tmp_path):
    """A process with a network of its own, in which there is nothing but a loopback that is down."""
    with subprocess.Popen(["unshare", "--net", "sleep", "60"], stdout=subprocess.DEVNULL) as other:
        try:
            deadline = time.monotonic() + 10
            while os.readlink(f"/proc/{other.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            wanted = wanted_endpoints({"globalSettings__installation__apiUri": "https://192.0.2.1"}.get)
            copy = InContainer(other.pid, {}, wanted, 5)
            copy.ensure_entered()
            outcomes = copy.outcomes()
            copy.close()
        finally:
            other.kill()
    assert (outcomes[API].layer, "unreachable" in outcomes[API].detail) == ("tcp", True)
    assert os.readlink("/proc/self/ns/net") != ""
