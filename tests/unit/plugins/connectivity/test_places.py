# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking side by side, from a container's network, and with the programs of an image."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity import (
    image_programs,
    places,
    surroundings,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.endpoints import (
    API,
    IDENTITY,
    PUSH,
    Endpoint,
    api_of_region,
    wanted_endpoints,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.image_programs import (
    ask_within,
    judge_program,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.layers import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.login import Login
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.names import Resolver
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.places import InContainer, NotEntered
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.side_by_side import side_by_side
from ansible_collections.selfhosted.bitwarden.plugins.module_utils.connectivity.surroundings import (
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


def test_all_questions_are_under_way_before_any_is_answered():
    together = threading.Barrier(3)

    def question():
        together.wait(10)
        return FINE

    assert side_by_side(dict.fromkeys(("a", "b", "c"), question), 10) == dict.fromkeys(("a", "b", "c"), FINE)


def test_what_overstays_is_left_behind(monkeypatch):
    monkeypatch.setattr(sys.modules[side_by_side.__module__], "_GRACE", 0.0)
    ended = threading.Event()

    def slow():
        ended.wait(20)
        return FINE

    found = side_by_side({"a": slow, "b": lambda: FINE}, 0.1)
    assert found["b"].ok and not found["a"].ok and found["a"].advice
    ended.set()


def test_a_defect_is_no_finding():
    def broken():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        side_by_side({"a": broken}, 1)


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
    outcomes = copy.outcomes()
    assert set(outcomes) == {API, IDENTITY, PUSH} and copy.outcomes() is outcomes
    process, question, proxy = outcomes[API].detail.split()
    assert process != str(os.getpid()) and question == WANTED.endpoint(API).question and proxy == "http://proxy.test"
    other = api_of_region("EU", WANTED.installation_id)
    assert copy.probe(other).detail.split()[1] == other.question
    assert copy.login().accepted is True


def test_the_key_is_in_no_process_list(entered):
    copy = entered(AROUND, None, lambda endpoint, view, timeout: FINE)
    copy.outcomes()
    assert KEY.encode() not in Path(f"/proc/{copy._process}/cmdline").read_bytes()


def test_a_network_that_cannot_be_entered(entered):
    with pytest.raises(NotEntered, match="Operation not permitted"):
        entered(PermissionError(1, "Operation not permitted")).outcomes()


def test_a_copy_that_dies_is_told(entered):
    def probe(endpoint, view, timeout):
        os._exit(3)

    with pytest.raises(NotEntered, match="ended"):
        entered(AROUND, None, probe).outcomes()


def test_a_copy_that_dies_later_is_a_finding(entered, monkeypatch):
    monkeypatch.setattr(places, "try_login", lambda wanted, view, timeout: os._exit(3))
    copy = entered(AROUND)
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
            outcomes = copy.outcomes()
            copy.close()
        finally:
            other.kill()
    assert (outcomes[API].layer, "unreachable" in outcomes[API].detail) == ("tcp", True)
    assert os.readlink("/proc/self/ns/net") != ""


# Programs of the image

ENDPOINT = {
    name: Endpoint(name, f"setting_of_{name}", f"https://{name}.test/", f"https://{name}.test/x")
    for name in (API, PUSH)
}


@pytest.mark.parametrize(
    ("program", "status", "said", "layer"),
    [
        ("curl", 0, "200", ""),
        ("curl", 0, "404", ""),
        ("curl", 0, "302", "http"),
        ("curl", 5, "curl: (5) Could not resolve proxy: p.test 000", "proxy"),
        ("curl", 6, "curl: (6) Could not resolve host: api.test 000", "dns"),
        ("curl", 7, "curl: (7) Failed to connect to api.test port 443 after 4 ms 000", "tcp"),
        ("curl", 28, "curl: (28) Resolving timed out after 3001 milliseconds 000", "dns"),
        ("curl", 28, "curl: (28) Connection timed out after 3001 milliseconds 000", "tcp"),
        ("curl", 35, "curl: (35) error:0A00010B:SSL routines::wrong version number 000", "tls"),
        ("curl", 60, "curl: (60) SSL certificate problem: self-signed More details here: https://curl.se 000", "tls"),
        ("curl", 56, "curl: (56) CONNECT tunnel failed, response 407 000", "proxy"),
        ("curl", 56, "curl: (56) Received HTTP code 403 from proxy after CONNECT 000", "proxy"),
        ("curl", 52, "curl: (52) Empty reply from server 000", "http"),
        ("wget", 0, "Connecting to api.test (192.0.2.1:443)", ""),
        ("wget", 1, "Connecting to api.test wget: server returned error: HTTP/1.1 404 Not Found", ""),
        ("wget", 8, "HTTP request sent, awaiting response... 404 Not Found 2026 ERROR 404: Not Found.", ""),
        ("wget", 1, "wget: server returned error: HTTP/1.1 503 Unavailable", "http"),
        ("wget", 1, "wget: bad address 'api.test'", "dns"),
        ("wget", 1, "wget: can't connect to remote host (192.0.2.1): Connection refused", "tcp"),
        ("wget", 1, "wget: download timed out", "tcp"),
        ("wget", 1, "ssl_client: api.test: certificate verification failed: unable to get local issuer", "tls"),
        ("wget", 1, "wget: error getting response: unexpected end", "http"),
    ],
)  # fmt: skip
def test_what_a_program_says(program, status, said, layer):
    found = judge_program(ENDPOINT[API], program, status, said)
    assert (found.ok, found.layer) == (not layer, layer), found
    assert found.detail and (found.ok or found.advice)
    assert "More details" not in found.detail and not found.detail.endswith("000")


def test_push_may_answer_anything():
    assert judge_program(ENDPOINT[PUSH], "curl", 0, "403").ok


class Shell:
    """Runs what would be run in the container in a shell of this host, with a PATH of its own."""

    def __init__(self, folder, programs=()):
        self.folder, self.calls = folder, []
        for name in ("tr", "grep", "mktemp", "cat", "ls", "rm", "sh", *programs):
            if name in ("curl", "wget"):
                (folder / name).write_text(
                    f'#!/bin/sh\necho "{name} got $# $HTTPS_PROXY" >> {folder}/log\nprintf " 404"\n'
                )
                (folder / name).chmod(0o755)
            else:
                place = shutil.which(name)
                (folder / name).symlink_to(place)

    def run(self, arguments, timeout, *, stdin="", environment=None):
        self.calls.append(arguments)
        return subprocess.run(
            ["/bin/sh", "-s"], input=stdin, capture_output=True, text=True, check=False,
            env={"PATH": str(self.folder), **environment},
        )  # fmt: skip


def test_programs_of_the_image_are_used(tmp_path):
    shell = Shell(tmp_path, ["curl", "wget"])
    proxies = {"HTTPS_PROXY": "http://me:word@proxy.test", "globalSettings__installation__key": KEY}
    endpoints = [*WANTED.endpoints, Endpoint("other", "", "https://me:word@x.test/", "https://me:word@x.test/")]
    found = ask_within(shell, "docker", "c1", endpoints, proxies, 5)
    assert {name: (one.ok, one.status) for name, one in found.items()} == {
        API: (True, 404), IDENTITY: (False, 404), PUSH: (True, 404),
    }  # fmt: skip
    (arguments,) = shell.calls
    assert arguments == ["docker", "exec", "--interactive", "--env", "HTTPS_PROXY", "c1", "sh", "-s"]
    assert (tmp_path / "log").read_text().count("http://me:word@proxy.test") == 3


def test_an_image_with_nothing_says_nothing(tmp_path):
    assert ask_within(Shell(tmp_path), "docker", "c1", WANTED.endpoints, {}, 5) == {}


def test_no_shell_says_nothing(tmp_path):
    class NoShell:
        def run(self, *args, **kwargs):
            return subprocess.CompletedProcess(args, 126, "", 'exec: "sh": executable file not found')

    assert ask_within(NoShell(), "docker", "c1", WANTED.endpoints, {}, 5) == {}
    assert image_programs.judge_program(ENDPOINT[API], "nothing", 0, "") is None
