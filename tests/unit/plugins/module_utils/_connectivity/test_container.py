# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The process in a container's network."""

from __future__ import annotations

import multiprocessing
import os
import ssl
import subprocess
import sys
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import container
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.cloud import probe
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.container import (
    ContainerNamespace,
    NamespaceError,
    belongs_to,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.endpoints import API
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.http import Network

from .stand_ins import endpoint

# Threads of other tests' servers are still there; a module has none when it starts the process.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
from_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may enter a network")


def test_a_process_is_told_from_one_of_the_same_number():
    assert not belongs_to(os.getpid(), "0123456789abcdef" * 4)
    assert not belongs_to(2**22 + 1, "/")
    assert belongs_to(os.getpid(), "proc")


@pytest.fixture
def entered(monkeypatch):
    """Yield ``entered(problem)``: the process in some network; with ``problem`` (an exception) none can be entered."""
    found = []

    def start(problem=None):
        def enter(process, environment, certificates):
            if problem:
                raise problem
            return Network(environment, ssl.create_default_context(), "192.0.2.53")

        monkeypatch.setattr(container, "enter", enter)
        found.append(ContainerNamespace(1, {"HTTPS_PROXY": "http://proxy.test"}, [], 5))
        return found[-1]

    yield start
    for one in found:
        one.close()


def where(network, word):
    """Return what is seen in the network that was entered."""
    return os.getpid(), network.servers, network.environment, word


def die(network):
    os._exit(3)


def test_calls_go_to_the_process(entered):
    namespace = entered()
    process, *others = namespace.call(where, "x")
    assert process != os.getpid() and others == ["192.0.2.53", {"HTTPS_PROXY": "http://proxy.test"}, "x"]
    assert namespace.call(where, "y")[0] == process


def test_a_network_that_cannot_be_entered(entered):
    with pytest.raises(NamespaceError, match="Operation not permitted"):
        entered(PermissionError(1, "Operation not permitted"))


def test_a_process_that_ends_is_told(entered):
    namespace = entered()
    for _count in range(2):
        with pytest.raises(NamespaceError, match="ended"):
            namespace.call(die)


# Started in its own network and mounts, with other files in place of those that name the name servers: what a
# container is. It answers the name api.cloud.test for IPv4, is silent on "silent", and knows no other name.
_CONTAINER = """
import os, pathlib, socket, struct, subprocess, sys
folder = pathlib.Path(sys.argv[1])
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
for name, text in (("resolv.conf", "nameserver 127.0.0.11\\noptions timeout:1 attempts:1\\n"),
                   ("hosts", "127.0.0.9 api.hosts.test\\n")):
    (folder / name).write_text(text)
    subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.11", 53))
(folder / "ready").touch()
while True:
    query, client = server.recvfrom(4096)
    kind = struct.unpack(">H", query[-4:-2])[0]
    if b"silent" in query:
        continue
    known = b"cloud" in query
    count = int(known and kind == 1)
    head = query[:2] + struct.pack(">HHHHH", 0x8180 | (0 if known else 3), 1, count, 0, 0)
    record = b"\\xc0\\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton("127.0.0.9")
    server.sendto(head + query[12:] + record * count, client)
"""


@pytest.fixture
def other(tmp_path):
    """Yield the number of a process that has its own network, name server and hosts file."""
    command = ["unshare", "--net", "--mount", sys.executable, "-c", _CONTAINER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 20
            while not (tmp_path / "ready").exists():
                assert time.monotonic() < deadline and process.poll() is None
                time.sleep(0.05)
            yield process.pid
        finally:
            process.kill()


@from_root
@pytest.mark.parametrize(
    ("name", "layer", "words"),
    [
        ("api.cloud.test", "tcp", "connection refused"),
        ("api.hosts.test", "tcp", "connection refused"),
        ("192.0.2.1", "tcp", "unreachable"),
        ("gone.test", "dns", "by 127.0.0.11"),
        ("silent.test", "dns", "by 127.0.0.11"),
    ],
)
def test_the_real_network_of_another_process(other, name, layer, words):
    """Its hosts file and name servers are used, its routes, and nothing changes for this process."""
    files = [open(f"/etc/{name}").read() for name in ("hosts", "resolv.conf")]  # noqa: PTH123, SIM115
    before = os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/mnt")
    namespace = ContainerNamespace(other, {}, [], 5)
    found = namespace.call(probe, [endpoint(f"https://{name}/")], 4)[API]
    namespace.close()
    assert (found.layer, words in found.detail) == (layer, True), found
    assert (os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/mnt")) == before
    assert files == [open(f"/etc/{name}").read() for name in ("hosts", "resolv.conf")]  # noqa: PTH123, SIM115


def test_the_process_ends_with_its_parent(entered):
    """Also one that is killed: the other end of the line is then closed."""
    namespace = entered()
    namespace._pipe.close()
    namespace._process.join(10)
    assert namespace._process.exitcode == 0
    namespace._pipe = multiprocessing.Pipe()[0]
