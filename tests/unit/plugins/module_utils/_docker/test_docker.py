# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The Docker engine over its socket: which engine, with whose rights, what is asked and how failures are told."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
import tempfile
import threading
import time

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Commands
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker import containers
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker import host as docker_host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.engine import Engine
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import (
    EngineError,
    find_engine,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.stream import (
    StreamClient,
    split_stream,
)

from .._deployment.test_drift import INSPECTED, container
from .engine_server import EngineServer, frame

DIRECTORY = "com.docker.compose.project.working_dir"


@pytest.fixture
def account(tmp_path):
    (tmp_path / "home").mkdir()
    return Account.owner_of(str(tmp_path))._replace(home=str(tmp_path / "home"))


@pytest.fixture
def server(tmp_path):
    found = EngineServer(tmp_path / "engine.sock")
    yield found
    found.close()


@pytest.fixture
def engine(server, account):
    commands = Commands(account, {"DOCKER_HOST": f"unix://{server.path}", "PATH": os.environ["PATH"]})
    return Engine(StreamClient(commands, "/nowhere/docker"))


def described(identifier, service):
    config = {**INSPECTED["Config"], "Labels": {"com.docker.compose.service": service}}
    return (200, {**INSPECTED, "Id": identifier, "Config": config})


# Which engine


def make_context(folder, name, host):
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))


@pytest.mark.parametrize(
    ("environment", "current", "host"),
    [
        pytest.param({}, None, "unix:///var/run/docker.sock", id="usual"),
        pytest.param({"DOCKER_HOST": "tcp://x:1"}, "mine", "tcp://x:1", id="DOCKER_HOST before a context"),
        pytest.param({"DOCKER_CONTEXT": "mine"}, None, "unix:///mine.sock", id="DOCKER_CONTEXT"),
        pytest.param({}, "mine", "unix:///mine.sock", id="current context of the owner"),
        pytest.param({"DOCKER_CONTEXT": "default"}, "mine", "unix:///var/run/docker.sock", id="default context"),
        pytest.param({}, "default", "unix:///var/run/docker.sock", id="current context default"),
    ],
)
def test_the_engine_is_the_one_of_the_owners_docker_command(account, monkeypatch, environment, current, host):
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    folder = docker_folder(account)
    make_context(folder, "mine", "unix:///mine.sock")
    if current:
        (folder / "config.json").write_text(json.dumps({"currentContext": current}))
    assert find_engine(account, environment).host == host


def docker_folder(account):
    from pathlib import Path  # noqa: PLC0415

    folder = Path(account.home) / ".docker"
    folder.mkdir(exist_ok=True)
    return folder


def test_settings_of_docker_elsewhere(account, tmp_path):
    make_context(tmp_path / "elsewhere", "mine", "ssh://me@there")
    environment = {"DOCKER_CONFIG": str(tmp_path / "elsewhere"), "DOCKER_CONTEXT": "mine"}
    assert find_engine(account, environment).host == "ssh://me@there"


@pytest.mark.parametrize("content", ["no JSON", "[]"])
def test_broken_settings_of_docker_are_passed_over_as_docker_does(account, content):
    (docker_folder(account) / "config.json").write_text(content)
    assert find_engine(account, {}).host.startswith("unix://")


def test_a_context_that_does_not_exist_is_told(account):
    with pytest.raises(EngineError, match=r"context mine cannot be used: .*meta\.json names no engine"):
        find_engine(account, {"DOCKER_CONTEXT": "mine"})


@pytest.mark.parametrize("named", [True, False])
def test_a_rootless_engine_is_found_and_compose_uses_it_too(account, tmp_path, monkeypatch, named):
    monkeypatch.setattr(docker_host_module, "_USUAL_SOCKET", str(tmp_path / "no.sock"))
    exists = os.path.exists
    usual = f"/run/user/{account.uid}/docker.sock"
    monkeypatch.setattr(os.path, "exists", lambda path: path == usual or exists(path))
    environ = {"PATH": os.environ["PATH"]}
    path = usual
    if named:
        path = str(tmp_path / "docker.sock")
        (tmp_path / "docker.sock").touch()
        environ["XDG_RUNTIME_DIR"] = str(tmp_path)
    commands = Commands(account, environ)
    assert StreamClient(commands, "docker").host == f"unix://{path}"
    assert commands.environment["DOCKER_HOST"] == f"unix://{path}"


def test_the_usual_engine_needs_no_variable(account, monkeypatch):
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    commands = Commands(account, {})
    assert StreamClient(commands, "docker").host == "unix:///var/run/docker.sock"
    assert "DOCKER_HOST" not in commands.environment


# With whose rights


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
def test_root_may_not_use_an_engine_that_the_owner_may_not():
    # Not below pytest's own folder, which only root may enter; nothing else is done while root has the owner's rights.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as listening:
        os.chmod(folder, 0o711)  # noqa: PTH101
        path = f"{folder}/engine.sock"
        listening.bind(path)
        listening.listen()
        os.chmod(path, 0o660)  # noqa: PTH101
        os.chown(path, 0, 12346)
        stranger = Account("stranger", 12345, 12345, (12345,), "/nowhere")
        environ = {"DOCKER_HOST": f"unix://{path}"}
        with pytest.raises(EngineError, match=r"The user stranger, who owns.* may not use the Docker engine.*usermod"):
            StreamClient(Commands(stranger, environ), "docker").connect()
        assert (os.geteuid(), os.getegid()) == (0, 0), "the rights of root did not come back"
        member = stranger._replace(groups=(12345, 12346))
        StreamClient(Commands(member, environ), "docker").connect().close()


# What is asked


def test_the_containers_of_one_deployment_over_one_connection(server, engine, tmp_path):
    (tmp_path / "docker").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "docker")
    listed = [
        ("1", "docker", {}),
        ("2", "docker", {"com.docker.compose.oneoff": "True"}),
        ("3", "x", {}),
        ("4", "docker", {}),
        ("5", "docker", {}),
    ]
    server.answers["GET", "/containers/json"] = (
        200,
        [{"Id": one, "Labels": {DIRECTORY: str(tmp_path / folder), **more}} for one, folder, more in listed],
    )
    server.answers["GET", "/containers/1/json"] = described("1", "web")
    server.answers["GET", "/containers/4/json"] = described("4", "api")
    found = engine.containers(str(tmp_path / "link"))
    assert [(one.service, one.id) for one in found] == [("api", "4"), ("web", "1")], "5 vanished meanwhile"
    assert len(server.connections) == 1
    assert server.requests[0][1].startswith("/containers/json?all=true&filters=%7B%22label%22")


@pytest.mark.parametrize("drops", ["announced", "silently"])
def test_a_connection_that_the_engine_dropped_is_made_again(server, engine, drops):
    server.drops = drops
    server.answers["GET", "/containers/json"] = (200, [])
    assert engine.containers("/x") == engine.containers("/x") == []


def test_environments_of_images(server, engine):
    server.answers["GET", "/images/sha256:1/json"] = (200, {"Config": {"Env": ["A=1", "B=x=y"]}})
    assert engine.image_environments(["sha256:1", "sha256:gone"]) == {"sha256:1": {"A": "1", "B": "x=y"}}


def executing(server, name, rc, *frames, pause=0.0):
    server.answers["POST", f"/containers/{name}/exec"] = (201, {"Id": f"e-{name}"})
    server.answers["POST", f"/exec/e-{name}/start"] = lambda handler: handler.upgrade(*frames, pause=pause)
    server.answers["GET", f"/exec/e-{name}/json"] = (200, {"Running": rc is None, "ExitCode": rc})


def test_health_checks_run_concurrently_and_only_their_status_counts(server, engine):
    executing(server, "api", 0, frame(1, "ok\n"), pause=0.5)
    executing(server, "sso", 1, frame(2, "refused\n"), pause=0.5)
    executing(server, "slow", 0, frame(1, "..."), pause=30.0)
    executing(server, "stuck", None, frame(1, "..."))
    server.answers["POST", "/containers/down/exec"] = (409, {"message": "Container down is not running"})
    names = ("api", "sso", "slow", "stuck", "down")
    begun = time.monotonic()
    answers = engine.ask([*(container(name) for name in names), container("web", Healthcheck=None)], 1.0)
    assert answers == {"api": True, "sso": False, "slow": False, "stuck": False, "down": False}
    assert time.monotonic() - begun < 2.4
    asked = next(body for _method, path, body in server.requests if path == "/containers/api/exec")
    assert asked["Cmd"] == ["/bin/sh", "-c", "curl -f http://localhost:5000/alive || exit 1"]


def echo(handler):
    handler.upgrade(frame(1, "out "))
    handler.wfile.write(frame(2, handler.rfile.read().decode()))


def test_a_command_gets_its_input_and_environment(server, engine):
    executing(server, "api", 3)
    server.answers["POST", "/exec/e-api/start"] = echo
    found = engine.execute("api", ["sh", "-s"], 5.0, {"A": "1"}, b"the script")
    assert found == (3, "out the script")
    body = server.requests[0][2]
    assert (body["Cmd"], body["Env"], body["AttachStdin"]) == (["sh", "-s"], ["A=1"], True)


def test_a_command_that_does_not_end_keeps_what_it_printed(server, engine):
    executing(server, "api", None, frame(1, "half"), pause=30.0)
    assert engine.execute("api", ["x"], 0.3) == (None, "half")


def test_a_command_in_a_container_that_is_not_running_is_an_error(engine):
    with pytest.raises(EngineError, match="container api is not running"):
        engine.execute("api", ["x"], 1.0)


def test_logs_are_taken_out_of_their_frames_and_put_in_order(server, engine):
    late, early = "2026-11-22T10:00:02Z b\n", "2026-11-22T10:00:01Z a\n"
    server.answers["GET", "/containers/api/logs"] = lambda handler: handler.upgrade(frame(1, late), frame(2, early))
    assert engine.log(container("api"), 12.4, 50) == (early + late).rstrip("\n")
    assert engine.last_lines(container("api"), 7) == late + early
    assert [request[1].partition("?")[2] for request in server.requests] == [
        "stdout=true&stderr=true&timestamps=true&since=12&tail=50",
        "stdout=true&stderr=true&tail=7",
    ]


@pytest.mark.parametrize(
    ("method", "path", "call"),
    [
        ("POST", "/stop", lambda engine, found: engine.stop(found, 5.0)),
        ("POST", "/start", lambda engine, found: engine.begin_start(found, 5.0)()),
        ("DELETE", "", lambda engine, found: engine.begin_remove(found, 5.0)()),
    ],
)
def test_containers_are_stopped_started_and_removed_all_at_once(server, engine, method, path, call):
    both = threading.Barrier(2)

    def answer(handler):
        both.wait(5)  # neither is answered before the other one is asked for
        handler.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    for name in ("api", "web"):
        server.answers[method, f"/containers/{name}{path}"] = answer
    call(engine, [container("api"), container("web")])
    assert sorted(one[:2] for one in server.requests) == [
        (method, f"/containers/{name}{path}") for name in ("api", "web")
    ]


def test_one_that_is_stopped_already_is_no_error_and_one_that_cannot_be_started_is(server, engine):
    server.answers["POST", "/containers/api/stop"] = (304, None)
    engine.stop([container("api")], 5.0)
    server.answers["POST", "/containers/api/start"] = (500, {"message": "port is already allocated"})
    waiting = engine.begin_start([container("api")], 5.0)
    with pytest.raises(EngineError, match="port is already allocated"):
        waiting()


def test_all_are_waited_for_where_some_fail_and_each_failure_is_told(server, engine, monkeypatch):
    """Also what could not be begun, so that what else was begun by then does not go on unnoticed."""
    answered, begin = [], engine.client.begin_request

    def slow(handler):
        time.sleep(0.1)
        answered.append(handler.path)
        handler.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    def begin_request(method, path, timeout):
        if "web" in path:
            raise EngineError("Too many open files.")
        return begin(method, path, timeout)

    monkeypatch.setattr(engine.client, "begin_request", begin_request)
    server.answers["DELETE", "/containers/api"] = (409, {"message": "container is running"})
    server.answers["DELETE", "/containers/sso"] = slow
    waiting = engine.begin_remove([container(name) for name in ("gone", "api", "web", "sso")], 5.0)
    with pytest.raises(EngineError) as caught:
        waiting()
    assert "container is running" in str(caught.value)
    assert "Too many open files." in str(caught.value)
    assert answered == ["/containers/sso"]


def test_a_command_runs_while_others_are_asked_for(server, engine):
    executing(server, "api", 0, frame(1, "slow\n"), pause=0.3)
    executing(server, "web", 0, frame(1, "quick\n"))
    slow = engine.begin("api", ["x"], 5.0)
    assert engine.execute("web", ["y"], 5.0) == (0, "quick\n")
    assert slow() == (0, "slow\n")


def test_a_restart_is_waited_for(server, engine):
    server.answers["POST", "/containers/api/restart"] = (204, None)
    engine.restart(container("api"))
    assert server.requests == [("POST", "/containers/api/restart", None)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (frame(1, "a\n") + frame(2, "ü\n"), "a\nü\n"),
        (b"plain output of a terminal\r\n", "plain output of a terminal\r\n"),
        (frame(1, "cut off")[:-4], "cut"),
    ],
)
def test_frames(data, text):
    assert split_stream(data) == text


# How failures are told


def test_what_the_engine_says_is_told(server, engine):
    server.answers["GET", "/containers/json"] = (500, {"message": "driver failed"})
    with pytest.raises(EngineError, match="Docker failed: driver failed"):
        engine.containers("/x")
    with pytest.raises(EngineError, match="Docker failed: No such container"):
        engine.restart(container("api"))


def test_what_is_not_json_is_told(server, engine):
    server.answers["GET", "/containers/json"] = lambda handler: handler.upgrade(b"<html>")
    with pytest.raises(EngineError, match="is not JSON"):
        engine.containers("/x")


def test_an_engine_that_is_silent_is_told(server, engine, monkeypatch):
    monkeypatch.setattr(containers, "QUICK", 0.2)
    server.answers["GET", "/containers/json"] = lambda handler: time.sleep(1)
    with pytest.raises(EngineError, match=r"engine \(unix://.*\) did not answer within 0.2s\."):
        engine.containers("/x")


def test_a_socket_that_nobody_listens_on_is_told(tmp_path, account):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    commands = Commands(account, {"DOCKER_HOST": f"unix://{tmp_path}/dead.sock"})
    with pytest.raises(EngineError, match=r"\(unix://.*dead\.sock\) cannot be reached: .*refused\. DOCKER_HOST in"):
        Engine(StreamClient(commands, "docker")).containers("/x")


@pytest.mark.parametrize(
    ("environ", "host", "advice"),
    [
        ({"DOCKER_HOST": "unix:///none.sock"}, "unix:///none.sock", "DOCKER_HOST in the environment of the task"),
        ({"DOCKER_HOST": "tcp://127.0.0.1:1"}, "tcp://127.0.0.1:1", "DOCKER_HOST in the environment of the task"),
        ({"DOCKER_HOST": "/run/docker.sock"}, "/run/docker.sock", "DOCKER_HOST in the environment of the task"),
        ({"DOCKER_CONTEXT": "mine"}, "unix:///other.sock", "The Docker context mine of"),
        ({}, "unix:///usual.sock", r"Start it \(systemctl start docker\)\."),
    ],
)
def test_an_engine_that_cannot_be_reached_is_named_with_what_names_it(account, monkeypatch, environ, host, advice):
    monkeypatch.setattr(docker_host_module, "_USUAL_SOCKET", "/usual.sock")
    monkeypatch.setattr(os.path, "exists", lambda path: False)
    make_context(docker_folder(account), "mine", "unix:///other.sock")
    docker = docker_folder(account) / "docker"
    docker.write_text("#!/bin/sh\necho 'unable to parse docker host' >&2\nexit 1\n")
    docker.chmod(0o755)
    with pytest.raises(EngineError, match=rf"engine \({host}\) cannot be reached: .*\w\. {advice}"):
        Engine(StreamClient(Commands(account, {"PATH": os.environ["PATH"], **environ}), str(docker))).containers("/x")


def test_an_owner_without_an_account_is_not_to_be_added_to_a_group(account, monkeypatch):
    def refused(client, path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(StreamClient, "_connect_unix", refused)
    stranger = Account("100999", 100999, 100999, (100999,), "/")
    for owner, advice in ((stranger, "uid 100999, which has no account"), (account, "usermod -aG docker")):
        with pytest.raises(EngineError, match=advice) as caught:
            StreamClient(Commands(owner, {"DOCKER_HOST": "unix:///x.sock"}), "docker").connect()
        assert ("usermod" in str(caught.value)) is (owner is account)


# Other ways than a unix socket


def test_over_tcp(server, account):
    server.answers["GET", "/containers/json"] = (200, [])
    commands = Commands(account, {"DOCKER_HOST": server.serve_tcp()})
    assert Engine(StreamClient(commands, "docker")).containers("/x") == []


@pytest.mark.parametrize(
    "environ",
    [{"DOCKER_HOST": "ssh://me@there"}, {"DOCKER_HOST": "tcp://there:2376", "DOCKER_TLS_VERIFY": "1"}],
)
def test_ssh_and_tls_go_through_dockers_own_command(server, account, tmp_path, environ):
    docker = tmp_path / "docker"
    docker.write_text(
        f"#!{sys.executable}\n"
        "import os, socket, sys, threading\n"
        "assert sys.argv[1:] == ['system', 'dial-stdio'] and os.environ['DOCKER_HOST'].endswith(('there', '2376'))\n"
        f"engine = socket.socket(socket.AF_UNIX); engine.connect({server.path!r})\n"
        "def forward():\n"
        "    while True:\n"
        "        data = os.read(0, 65536)\n"
        "        if not data: engine.shutdown(socket.SHUT_WR); return\n"
        "        engine.sendall(data)\n"
        "threading.Thread(target=forward, daemon=True).start()\n"
        "while True:\n"
        "    data = engine.recv(65536)\n"
        "    if not data: break\n"
        "    os.write(1, data)\n"
    )
    docker.chmod(0o755)
    server.answers["GET", "/containers/json"] = (200, [])
    executing(server, "api", 0)
    server.answers["POST", "/exec/e-api/start"] = echo
    engine = Engine(StreamClient(Commands(account, environ), str(docker)))
    assert engine.containers("/x") == []
    assert engine.execute("api", ["x"], 5.0, stdin=b"input") == (0, "out input")


@pytest.mark.parametrize(
    ("host", "stderr", "words"),
    [
        (
            "ssh://me@there",
            "ssh: no route to host",
            r"engine \(ssh://me@there\) cannot be reached: ssh: no route to host",
        ),
        ("tcp://there", "permission denied while trying to connect", "may not use the Docker engine"),
        ("ssh://me@there", "", "closed the connection"),
    ],
)
def test_what_dockers_command_says_is_told(account, tmp_path, host, stderr, words):
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\necho '{stderr}' >&2\nexit 1\n")
    docker.chmod(0o755)
    commands = Commands(account, {"DOCKER_HOST": host, "DOCKER_TLS_VERIFY": "1"})
    with pytest.raises(EngineError, match=words):
        Engine(StreamClient(commands, str(docker))).containers("/x")
