# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asking from inside a container with the programs of its image."""

from __future__ import annotations

import shutil
import subprocess
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import image_script
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import (
    API,
    IDENTITY,
    PUSH,
    Endpoint,
    wanted_endpoints,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.image_programs import Image, ask_within
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.runner import Result

from tests.support.tools.commands import WORK

from .on_the_way import page

KEY = "CanaryInstallationKey"
MORE = "Look as root."
WANTED = wanted_endpoints({"globalSettings__pushRelayBaseUri": "https://push.bitwarden.com"}.get)


class Shell:
    """Runs what would be run in the container in a shell of this host, with a PATH of its own.

    ``programs``: curl and wget note what they get and say 404; more lines of theirs are ``said``. ``own`` is what the
    container was started with.
    """

    def __init__(self, folder, *programs, said="", own=None):
        self.folder, self.own, self.calls = folder, own or {}, []
        for name in ("grep", "mktemp", "cat", "ls", "rm", "sh", "timeout", "true", "sleep"):
            (folder / name).symlink_to(shutil.which(name))
        for name in programs:
            (folder / name).write_text(
                f'#!/bin/sh\n[ "$1" = --help ] && exit 1\n'
                f'echo "{name} $* https=$https_proxy$HTTPS_PROXY no=$no_proxy$NO_PROXY" >> {folder}/log\n{said}\n'
                'printf " HTTP/1.1 404"\nexit 0\n'
            )
            (folder / name).chmod(0o755)

    def run(self, arguments, timeout, *, stdin="", environment=None):
        self.calls.append(arguments)
        handed = {name: environment[name] for flag, name in zip(arguments, arguments[1:]) if flag == "--env"}
        done = subprocess.run(
            ["/bin/sh", "-s"], input=stdin, capture_output=True, text=True, check=False,
            env={"PATH": str(self.folder), **self.own, **handed},
        )  # fmt: skip
        return Result(done.returncode, done.stdout, done.stderr)

    @property
    def log(self):
        return (self.folder / "log").read_text()


PROXY = "http://me:word@proxy.test"


def ask(shell, changes=None, endpoints=WANTED.endpoints, timeout=5):
    environment = {name: value for name, value in (changes or {}).items() if value is not None}
    return ask_within(shell, Image("docker", "c1", environment, changes or {}, MORE), endpoints, timeout)


def test_curl_of_an_older_image_is_used(tmp_path):
    shell = Shell(tmp_path, "curl", "wget")
    found = ask(shell, {"HTTPS_PROXY": PROXY, "NO_PROXY": "bitwarden.com", "globalSettings__installation__key": KEY})
    assert {name: (one.ok, one.status) for name, one in found.items()} == {
        API: (True, 404), IDENTITY: (False, 404), PUSH: (True, 404),
    }  # fmt: skip
    (arguments,) = shell.calls
    assert arguments == [
        "docker",
        "exec",
        "--interactive",
        "--env",
        "HTTPS_PROXY",
        "--env",
        "NO_PROXY",
        "c1",
        "sh",
        "-s",
    ]
    # To curl NO_PROXY would mean the names in that domain, too; to the server it does not.
    assert shell.log.count(f"https={PROXY} no=\n") == 3 and "wget" not in shell.log


def test_what_the_server_reaches_without_a_proxy_is_asked_without(tmp_path):
    shell = Shell(tmp_path, "curl")
    ask(shell, {"HTTPS_PROXY": PROXY, "NO_PROXY": ".bitwarden.com"})
    assert shell.log.count("https= no=\n") == 3


@pytest.mark.parametrize(
    ("program", "other"), [("curl", {}), ("wget", {}), ("curl", {"ALL_PROXY": "http://other.test"})]
)
def test_removed_proxies_do_not_come_back_from_the_container(tmp_path, program, other):
    shell = Shell(tmp_path, program, own={"HTTPS_PROXY": PROXY})
    assert ask(shell, {"HTTPS_PROXY": None, **other})[API].ok
    assert "proxy.test" not in shell.log


def test_wget_knows_no_proxy(tmp_path):
    """Busybox's would send a plain request to it, and take what the proxy says of that for the cloud's answer."""
    shell = Shell(tmp_path, "wget")
    found = ask(shell, {"HTTPS_PROXY": PROXY, "NO_PROXY": "push.bitwarden.com"})
    assert found[API].untried and not found[API].ok and found[API].advice == MORE
    assert "wget of the image knows no proxy" in found[API].detail and found[PUSH].ok
    assert shell.log.count("wget") == 1 and f"-O /dev/null {WANTED.endpoint(PUSH).question} https= no=" in shell.log


def test_wget_is_given_the_authorities_of_the_installation(tmp_path):
    script = image_script._SCRIPT
    for name in ("own", "given"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "ca.crt").write_text(f"{name}\n")
    script = script.replace("own=/etc/ssl/certs/ca-certificates.crt", f"own={tmp_path}/own/ca.crt")
    script = script.replace("given=/etc/bitwarden/ca-certificates", f"given={tmp_path}/given")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_script, "_SCRIPT", script)
        shell = Shell(tmp_path, "wget", said=f'cat "$SSL_CERT_FILE" >> {tmp_path}/log')
        ask(shell, endpoints=[WANTED.endpoint(API)])
    assert shell.log.endswith("own\ngiven\n")


@pytest.mark.parametrize(
    ("help_", "options"),
    [
        ("-t, --tries=NUMBER -T, --timeout=SECONDS", "-T 5 -t 1"),
        ("BusyBox v1.37.0 [-T SEC]", "-T 5"),
        # Debian 12's knows no -T, and crashes when it gets one.
        ("BusyBox v1.35.0 [-U AGENT]", ""),
    ],
)
def test_wget_gets_the_options_that_it_knows(tmp_path, help_, options):
    shell = Shell(tmp_path, "wget")
    text = (tmp_path / "wget").read_text()
    (tmp_path / "wget").write_text(text.replace("&& exit 1", f"&& echo '{help_}' && exit 0", 1))
    ask(shell)
    assert shell.log.count(f"wget {options} -O".replace("  ", " ")) == 3


def test_what_a_program_says_is_no_pattern_of_files(tmp_path):
    found = ask(Shell(tmp_path, "wget", said="echo 'wget: got /etc/host*'; exit 1"), endpoints=[WANTED.endpoint(API)])
    assert "/etc/host*" in found[API].detail


def test_a_program_without_a_time_limit_for_names_is_ended(tmp_path):
    begin = time.monotonic()
    found = ask(Shell(tmp_path, "wget", said="exec sleep 30"), timeout=1)
    assert time.monotonic() - begin < 10
    assert [(one.layer, one.ok) for one in found.values()] == [("dns", False)] * 3
    assert "no answer in time" in found[API].detail


BUSYBOX = next(filter(None, map(shutil.which, [str(WORK / "programs/usr/bin/busybox"), "busybox"])), None)


@pytest.mark.skipif(BUSYBOX is None, reason="no busybox here")
@pytest.mark.parametrize(("status", "ok"), [("404 Not Found", True), ("503 Unavailable", False)])
def test_the_wget_of_busybox(tmp_path, serve, status, ok):
    shell = Shell(tmp_path)
    (tmp_path / "wget").symlink_to(BUSYBOX)
    url = serve(page(status, "{}")).url("127.0.0.1", "http")
    found = ask(shell, endpoints=[Endpoint(API, "x", url, url)])
    assert (found[API].ok, found[API].status) == (ok, int(status[:3])), found


def test_an_address_with_a_password_gets_into_no_process_list(tmp_path):
    endpoint = Endpoint(API, "", "https://me:word@x.test/", "https://me:word@x.test/")
    shell = Shell(tmp_path, "curl")
    found = ask(shell, endpoints=[endpoint])
    assert found[API].untried and "user and password" in found[API].detail and shell.calls == []
    assert "word@" not in str(found)


def test_an_image_with_nothing_says_nothing(tmp_path):
    assert ask(Shell(tmp_path)) == {}


class Engine:
    """Gives this result to every command."""

    def __init__(self, *result):
        self.result = Result(*result)

    def run(self, *args, **kwargs):
        return self.result


def test_no_shell_says_nothing():
    assert ask(Engine(126, "", 'exec: "sh": executable file not found')) == {}


def test_an_engine_that_hangs_is_a_finding():
    found = ask(Engine(-9, "api curl 0 404\n", "", True))
    assert found[API].ok
    assert (found[PUSH].ok, found[PUSH].untried, found[PUSH].layer) == (False, False, "http")
    assert "no answer in time" in found[PUSH].detail and found[PUSH].advice


def test_an_engine_that_refuses_is_quoted():
    found = ask(Engine(1, "", "Error response from daemon: Container c1 is paused\n"))
    assert found[API].untried and "Container c1 is paused" in found[API].detail
