# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests by the wget of a container's image."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import image
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    API,
    PUSH,
    DesiredCloud,
    Endpoint,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.image import Image, judge

from tests.support.tools.commands import WORK

from .stand_ins import endpoint, page

MORE = "Look as root."
CLOUD = DesiredCloud.of({"globalSettings__pushRelayBaseUri": "https://push.bitwarden.com"}.get)
ENDPOINT = {name: endpoint(f"https://{name}.test/x", name) for name in (API, PUSH)}


@pytest.mark.parametrize(
    ("status", "said", "layer"),
    [
        (0, "Connecting to api.test (192.0.2.1:443)", ""),
        (1, "Connecting to api.test wget: server returned error: HTTP/1.1 404 Not Found", ""),
        (1, "wget: server returned error: HTTP/1.1 503 Unavailable", "http"),
        (1, "wget: bad address 'api.test'", "dns"),
        (1, "wget: can't connect to remote host (192.0.2.1): Connection refused", "tcp"),
        (1, "wget: download timed out", "tcp"),
        (1, "ssl_client: api.test: certificate verification failed: unable to get local issuer", "tls"),
        (1, "Connecting to ssl.test (192.0.2.1:443) wget: error getting response: unexpected end", "http"),
        (1, "wget: server returned error: HTTP/1.1 403 Forbidden", "http"),
        (139, "", "http"),
        # Ended by "timeout": it had not found the address yet, or it had.
        (143, "", "dns"),
        (143, "Connecting to api.test (192.0.2.1:443)", "tcp"),
    ],
)
def test_what_wget_says(status, said, layer):
    found = judge(ENDPOINT[API], status, said, MORE)
    assert (found.ok, found.layer) == (not layer, layer), found
    assert found.detail and (found.ok or found.advice)


def test_push_may_respond_anything():
    assert judge(ENDPOINT[PUSH], 1, "wget: server returned error: HTTP/1.1 403 Forbidden", MORE).ok


def test_a_wget_that_checks_no_certificate_is_named():
    said = "Connecting to api.test (192.0.2.1:443) wget: note: TLS certificate validation not implemented"
    found = judge(ENDPOINT[API], 0, said, MORE)
    assert found.ok and "without looking at the certificate" in found.detail
    found = judge(ENDPOINT[API], 1, f"{said} wget: error getting response: unexpected end", MORE)
    assert (found.ok, found.layer) == (False, "http") and MORE in found.advice


class Shell:
    """Runs what would be run in the container in a shell of this host, with a PATH of its own.

    With ``wget`` there is one that notes what it gets, runs ``said`` and says 404. ``own`` is the container's
    environment.
    """

    def __init__(self, folder, wget=True, said="", own=None):
        self.folder, self.own, self.calls = folder, own or {}, []
        for name in ("sh", "timeout", "sleep", "mktemp", "cat", "rm"):
            if not (folder / name).exists():
                (folder / name).symlink_to(shutil.which(name))
        if wget:
            (folder / "wget").write_text(
                f'#!/bin/sh\necho "wget $* https=$https_proxy$HTTPS_PROXY" >> {folder}/log\n{said}\n'
                'printf " HTTP/1.1 404"\nexit 0\n'
            )
            (folder / "wget").chmod(0o755)

    def run(self, arguments, timeout, *, stdin=""):
        self.calls.append(arguments)
        done = subprocess.run(
            ["/bin/sh", "-s"], input=stdin, capture_output=True, text=True, check=False,
            env={"PATH": str(self.folder), **self.own},
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    @property
    def log(self):
        return (self.folder / "log").read_text()


def ask(shell, endpoints=CLOUD.endpoints, timeout=5, problem="", **environment):
    return Image(shell, "docker", "c1", environment, problem).probe(endpoints, timeout)


def test_all_are_asked_at_once_and_without_a_proxy(tmp_path):
    """Busybox's would send a plain request to it, and take what the proxy says of that for the cloud's response."""
    shell = Shell(tmp_path, own={"HTTPS_PROXY": "http://proxy.test", "https_proxy": "http://proxy.test"})
    found = ask(shell)
    assert {name: one.ok for name, one in found.items()} == {"api": True, "identity": False, "push": True}
    assert shell.calls == [["docker", "exec", "--interactive", "c1", "sh", "-s"]]
    lines = sorted(f"wget -O /dev/null {one.url} https=" for one in CLOUD.endpoints)
    assert sorted(shell.log.splitlines()) == lines


def test_what_goes_through_a_proxy_is_not_asked(tmp_path):
    shell = Shell(tmp_path)
    found = ask(shell, HTTPS_PROXY="http://me:word@proxy.test", NO_PROXY="push.bitwarden.com")
    assert found[API].skipped and not found[API].ok and "become" in found[API].advice
    assert "wget of the image knows no proxy" in found[API].detail and found[PUSH].ok
    assert shell.log == f"wget -O /dev/null {CLOUD.endpoint(PUSH).url} https=\n" and "word" not in str(found)


@pytest.mark.parametrize("given", [True, False])
def test_wget_is_given_the_authorities_of_the_installation(tmp_path, monkeypatch, given):
    """As the entry script gives them to the service."""
    script = image._SCRIPT
    for path, content in (("/etc/ssl/certs/ca-certificates.crt", "own"), ("/etc/bitwarden/ca-certificates", "given")):
        (tmp_path / content).mkdir()
        assert path in script
        script = script.replace(path, f"{tmp_path}/{content}" + ("/ca.crt" if content == "own" else ""))
        if content == "own" or given:
            (tmp_path / content / "ca.crt").write_text(f"{content}\n")
    monkeypatch.setattr(image, "_SCRIPT", script)
    shell = Shell(tmp_path, said=f'cat "$SSL_CERT_FILE" >> {tmp_path}/log')
    ask(shell, [CLOUD.endpoint(API)])
    assert shell.log.endswith("https=\nown\n" + "given\n" * given)
    own = Shell(tmp_path, said=f'echo "$SSL_CERT_FILE" >> {tmp_path}/log', own={"SSL_CERT_FILE": "/its/own"})
    ask(own, [CLOUD.endpoint(API)])
    assert own.log.endswith("/its/own\n")


def test_what_wget_says_is_no_pattern_of_files(tmp_path):
    found = ask(Shell(tmp_path, said="echo 'wget: got /etc/host*'; exit 1"), [CLOUD.endpoint(API)])
    assert "/etc/host*" in found[API].detail


def test_a_wget_without_a_time_limit_for_names_is_ended(tmp_path):
    begin = time.monotonic()
    found = ask(Shell(tmp_path, said="exec sleep 30"), timeout=1)
    assert time.monotonic() - begin < 10
    assert [(one.layer, one.ok) for one in found.values()] == [("dns", False)] * 3
    assert "nothing (status 124)" in found[API].detail


BUSYBOX = next(filter(None, map(shutil.which, [str(WORK / "programs/usr/bin/busybox"), "busybox"])), None)


@pytest.mark.skipif(BUSYBOX is None, reason="no busybox here")
@pytest.mark.parametrize(("status", "ok"), [("404 Not Found", True), ("503 Unavailable", False)])
def test_the_wget_of_busybox(tmp_path, serve, status, ok):
    shell = Shell(tmp_path, wget=False)
    (tmp_path / "wget").symlink_to(BUSYBOX)
    url = serve(page(status, "{}")).url("127.0.0.1", "http")
    found = ask(shell, endpoints=[Endpoint(API, "x", url, url)])
    assert found[API].ok == ok and f"status {status[:3]}" in found[API].detail


@pytest.mark.parametrize("problem", ["", "Operation not permitted"])
def test_an_image_with_nothing_is_skipped(tmp_path, problem):
    found = ask(Shell(tmp_path, wget=False), problem=problem)
    assert set(found) == {"api", "identity", "push"} and all(one.skipped for one in found.values())
    entered = f"the container's network could not be entered: {problem}; and " if problem else ""
    assert found[API].detail == f"not tried: {entered}the image has no program to try it with"
    assert ("rootless" if problem else "become") in found[API].advice


class Engine:
    """Gives this result to every command."""

    def __init__(self, *result):
        self.result = Result(*result)

    def run(self, *args, **kwargs):
        return self.result


def test_no_shell_is_skipped():
    found = ask(Engine(126, "", 'exec: "sh": executable file not found'))
    assert found[API].skipped and "no program" in found[API].detail


def test_an_engine_that_hangs_is_a_finding():
    found = ask(Engine(-9, "api 1 HTTP/1.1 404\n", "", True))
    assert found[API].ok
    assert (found[PUSH].ok, found[PUSH].skipped, found[PUSH].layer) == (False, False, "http")
    assert "no response in time" in found[PUSH].detail and found[PUSH].advice


def test_an_engine_that_refuses_is_quoted():
    found = ask(Engine(1, "", "Error response from daemon: Container c1 is paused\n"))
    assert found[API].skipped and "Container c1 is paused" in found[API].detail
