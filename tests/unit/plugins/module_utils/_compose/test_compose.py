# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compose's description of the project, and how Compose is called."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.composition import (
    ComposeError,
    Port,
    Resource,
    parse_config,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._compose.project import Project


def described(**services):
    return json.dumps({"name": "docker", "services": services})


@pytest.mark.parametrize(
    ("printed", "other", "value"),
    [
        ("a$$b", "", "a$b"),  # Compose as it is
        ("a$b", "", "a$b"),  # one that does not double
        ("a$$b", "c$d", "a$$b"),
        ("a$$$$b", "c$$d", "a$$b"),
    ],
)
def test_dollars_arrive_as_in_the_container(printed, other, value):
    text = described(api={"image": "i", "environment": {"X": printed}}, web={"environment": {"Y": other}})
    assert parse_config(text).services["api"].environment == {"X": value}


def test_services_are_told_apart():
    text = described(
        api={"image": "i:1", "environment": {"X": "1", "PASSED_ON": None}},
        web={"image": "w:1", "environment": None, "container_name": "the-web", "build": {"context": "."}},
        off={"image": "o:1", "deploy": {"replicas": 0}},
        scaled_off={"image": "o:1", "scale": 0},
    )
    found = parse_config(text)
    api, web = found.services["api"], found.services["web"]
    assert sorted(found.services) == ["api", "web"]
    assert (api.environment, api.image, api.container_name, api.builds) == ({"X": "1"}, "i:1", "docker-api-1", False)
    assert (web.environment, web.container_name, web.builds) == ({}, "the-web", True)
    assert (found.name, found.idle) == ("docker", {"off", "scaled_off"})


def test_what_the_services_share_with_the_host_is_read():
    service = {
        "ports": [
            {"target": 8080, "published": "80", "protocol": "tcp"},
            {"target": 8443, "published": 443, "protocol": "udp", "host_ip": "127.0.0.1"},
            {"target": 1, "published": "9000-9005"},
            {"target": 1},
        ],
        "networks": {"default": None, "out": None},
        "volumes": [{"type": "volume", "source": "data"}, {"type": "bind", "source": "/x"}],
    }
    text = json.dumps(
        {
            "name": "docker",
            "services": {"nginx": service, "off": {"networks": {"unused": None}, "scale": 0}},
            "networks": {"default": {"name": "docker_default"}, "out": {"external": {"name": "proxy"}}, "unused": {}},
            "volumes": {"data": {"name": "kept", "external": True}},
        }
    )
    found = parse_config(text)
    assert found.services["nginx"].ports == (Port("", 80, "tcp"), Port("127.0.0.1", 443, "udp"))
    assert found.networks == (Resource("default", "docker_default", False), Resource("out", "proxy", True))
    assert found.volumes == (Resource("data", "kept", True),)


@pytest.mark.parametrize(
    ("mounts", "files"),
    [
        # As releases before 2.40 print them, and as later ones do.
        ([("/short", {"create_host_path": True}), ("/long", {}), ("/none", None)], ["/long", "/none"]),
        ([("/short", {}), ("/long", {"create_host_path": False})], ["/long"]),
        ([("/long", {})], []),
    ],
)
def test_what_compose_does_not_create_on_the_host_is_known(mounts, files):
    volumes = [{"type": "bind", "source": path, **({} if bind is None else {"bind": bind})} for path, bind in mounts]
    devices = [{"source": "/dev/fuse"}, {"source": "vendor.com/class=name"}]
    service = {
        "volumes": volumes,
        "devices": devices,
        "secrets": [{"source": "s"}, {"source": "t"}],
        "configs": [{"source": "c"}],
        "network_mode": "container:vpn",
        "ipc": "host",
        "volumes_from": ["container:data:ro", "web"],
        "external_links": ["old:alias"],
    }
    top = {
        "secrets": {"s": {"file": "/s"}, "t": {"environment": "T"}, "u": {"file": "/u"}},
        "configs": {"c": {"file": "/c"}},
    }
    found = parse_config(json.dumps({"name": "docker", "services": {"nginx": service}, **top}))
    assert found.files == tuple(sorted([*files, "/dev/fuse", "/s", "/c"]))
    assert found.containers == ("data", "old", "vpn")


@pytest.mark.parametrize("text", ["", "nonsense", "[]", "{}"])
def test_what_is_no_description_is_an_error(text):
    with pytest.raises(ComposeError):
        parse_config(text)


class Recorder:
    """Stands for Commands: answers with what is queued."""

    def __init__(self, answers):
        self.account = Account("me", os.geteuid(), os.getegid(), (os.getegid(),), "/")
        self.answers = answers
        self.calls = []
        self.limits: list = []
        self.files = []
        self.environment = {}
        self.plugin = None

    def find(self, name, folders=None):
        if folders:
            return self.plugin
        return "/usr/bin/docker-compose" if "docker-compose" in self.answers else None

    def run(self, arguments, timeout, *, stdin="", cwd=None, environment=None):
        self.calls.append((list(arguments), cwd))
        self.limits.append(timeout)
        self.files = (environment or {}).get("COMPOSE_FILE", "").split(":")
        for words, result in self.answers.items():
            if words in " ".join(arguments):
                return result
        return Result(0, described(), "")


@pytest.fixture
def bwdata(tmp_path):
    for name in ("docker/docker-compose.yml", "docker/.env", "env/uid.env", "env/global.override.env"):
        path = tmp_path / "bwdata" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("REAL=1\n")
    return tmp_path / "bwdata"


@pytest.mark.parametrize(
    ("printed", "dotenv", "name"),
    [("bw2", "", "bw2"), (None, "", "docker"), (None, "COMPOSE_PROJECT_NAME=_My.Server\n", "myserver")],
)
def test_a_compose_that_does_not_print_the_projects_name_has_the_usual_one(bwdata, printed, dotenv, name):
    (bwdata / "docker" / ".env").write_text(dotenv)
    text = json.dumps({"services": {}, **({"name": printed} if printed else {})})
    project = Project(Recorder({"config": Result(0, text, "")}), "/usr/bin/docker", str(bwdata), "/")
    assert project.read().name == name


def test_a_confined_docker_is_asked_itself(bwdata):
    commands = Recorder({})
    commands.plugin = "/plugin"
    Project(commands, "/snap/bin/docker", str(bwdata), "/").read()
    assert [arguments[0] for arguments, _cwd in commands.calls] == ["/snap/bin/docker"]


def test_the_override_of_compose_takes_part_where_it_is(bwdata):
    commands = Recorder({})
    project = Project(commands, "/usr/bin/docker", str(bwdata), "/somewhere")
    standard, override = (bwdata / "docker" / f"docker-compose{kind}.yml" for kind in ("", ".override"))
    project.read()
    assert commands.files == [str(standard)]
    override.write_text("")
    project.read()
    assert commands.files == [str(standard), str(override)]
    assert [cwd for arguments, cwd in commands.calls if "config" in arguments] == ["/somewhere"] * 2


@pytest.mark.parametrize(("rc", "programs"), [(0, ["/plugin"]), (1, ["/plugin", "/usr/bin/docker"])])
def test_the_configuration_is_read_by_the_plugin_and_its_failures_are_told_by_docker(bwdata, rc, programs):
    commands = Recorder({"/plugin config": Result(rc, described(), "")})
    commands.plugin = "/plugin"
    assert Project(commands, "/usr/bin/docker", str(bwdata), "/").read().services == {}
    assert [arguments[0] for arguments, _cwd in commands.calls] == programs


@pytest.mark.parametrize(
    ("hanging", "words"),
    [
        ("/plugin config", "docker compose config did not end within 7s and was killed."),
        ("compose config", "docker compose config did not end within 7s and was killed."),
        ("version --short", "docker compose version did not end within 7s and was killed."),
    ],
)
def test_a_compose_that_hangs_is_told_and_not_asked_again(bwdata, hanging, words):
    answers = {hanging: Result(-9, "", "", True, 7.0), "docker compose config": Result(1, "", "")}
    commands = Recorder(answers)
    commands.plugin = "/plugin" if hanging.startswith("/plugin") else None
    with pytest.raises(ComposeError) as caught:
        Project(commands, "/usr/bin/docker", str(bwdata), "/", 7.0).read()
    assert str(caught.value).startswith(words)
    assert str(bwdata / "docker") in str(caught.value)
    assert set(commands.limits) == {7.0}
    assert hanging in " ".join(commands.calls[-1][0])


def test_what_compose_prints_when_it_fails_is_kept_apart(bwdata):
    project = Project(Recorder({"config": Result(1, "", "line 3: SECRET")}), "/usr/bin/docker", str(bwdata), "/")
    with pytest.raises(ComposeError) as caught:
        project.read()
    assert "SECRET" not in str(caught.value) and "SECRET" in caught.value.details


@pytest.mark.parametrize(
    ("standalone", "words"),
    [
        (None, "Compose is not installed"),
        ("1.29.2", r"Compose 1\.29\.2 is too old"),
        ("", "unknown version is too old"),
    ],
)
def test_a_compose_that_cannot_be_used_is_told(bwdata, standalone, words):
    answers = {"docker compose": Result(1, "", "docker: 'compose' is not a docker command.")}
    if standalone is not None:
        answers["docker-compose"] = Result(0, f"{standalone}\n", "")
    with pytest.raises(ComposeError, match=words):
        Project(Recorder(answers), "/usr/bin/docker", str(bwdata), "/").read()


def test_a_compose_2_that_is_no_plugin_will_do(bwdata):
    answers = {"docker compose": Result(1, "", ""), "version --short": Result(0, "v2.26.1\n", "")}
    commands = Recorder({**answers, "docker-compose": Result(0, described(), "")})
    assert Project(commands, "/usr/bin/docker", str(bwdata), "/").read().services == {}
    assert commands.calls[-1][0][0] == "/usr/bin/docker-compose"


@pytest.mark.parametrize(("stderr", "calls"), [("unknown flag: --pull", 2), ("No such image", 1)])
def test_an_early_compose_2_brings_up_without_the_option_it_lacks(bwdata, stderr, calls):
    commands = Recorder({"--pull never": Result(1, "", stderr)})
    result = Project(commands, "/usr/bin/docker", str(bwdata), "/").up(recreate_all=True)
    ups = [arguments for arguments, _cwd in commands.calls if "up" in arguments]
    assert (len(ups), result.rc == 0) == (calls, calls == 2)
    assert all("--force-recreate" in arguments for arguments in ups)
    assert not any("--remove-orphans" in arguments for arguments in ups), "it would remove other projects' containers"


def test_no_compose_file_no_deployment(bwdata):
    (bwdata / "docker" / "docker-compose.yml").unlink()
    with pytest.raises(ComposeError, match=r"docker-compose\.yml does not exist\. Generate it"):
        Project(Recorder({}), "/usr/bin/docker", str(bwdata), "/").read()
