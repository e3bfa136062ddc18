# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Installations on a host of fakes: what is made, what is refused and how, and what is left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import time
from types import SimpleNamespace

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Commands
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.journal import FOLDERS_MADE
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import StateError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._host_module import _terminable
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import installed as installed_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import stage as stage_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.data_folder import COMPLETE
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install.host import InstallHost
from ansible_collections.selfhosted.bitwarden.plugins.modules import install

from tests.support.killing import signals_arriving

from .conftest import ID, IMAGES, KEY, SETUP


@contextlib.contextmanager
def server_lock_of(host):
    """Hold the lock of the server to be."""
    host.bwdata.mkdir(parents=True)
    with server_lock(str(host.bwdata), 0):
        yield


MADE = {
    "bitwarden.sh", "bwdata/config.yml", "bwdata/docker/docker-compose.yml", "bwdata/env/uid.env",
    "bwdata/env/global.override.env", "bwdata/env/mssql.override.env", "bwdata/identity/identity.pfx",
    "bwdata/nginx/default.conf", "bwdata/scripts/run.sh", "bwdata/web/app-id.json",
}  # fmt: skip


def test_a_server_is_installed_once(host):
    predicted = host.run(check=True)
    assert host.files() == {}
    assert host.calls("run") == []
    done = host.run()
    assert predicted == done
    assert (done["changed"], done["installed"], done["version"]) == (True, True, "2026.8.0")
    assert set(host.files()) >= MADE
    assert (host.config()["url"], host.setting("globalSettings__installation__id")) == ("https://vault.example.com", ID)
    assert host.setting("globalSettings__installation__key") == KEY
    assert host.script.read_bytes() == (host.source / "bitwarden.sh").read_bytes()
    before = host.files()
    again = host.run()
    assert (again["changed"], again["installed"], again["removed"], again["url"]) == (False, False, [], done["url"])
    assert "diff" not in again
    assert host.files() == before
    assert len(host.calls("run")) == 1


def test_the_key_reaches_the_setup_tool_by_its_input_only(host):
    done = host.run()
    for call in host.calls():
        assert KEY not in str(call)
    assert KEY not in str(done["diff"])
    (call,) = host.calls("-install")
    text = " ".join(call["arguments"])
    assert text.startswith("run --interactive --rm --name bitwarden-install-")
    assert re.search(rf" {re.escape(SETUP)} /app/Setup -install 1 -domain vault.example.com -letsencrypt n ", text)
    assert host.removed == [call["arguments"][call["arguments"].index("--name") + 1]]


@pytest.mark.parametrize(
    ("options", "config"),
    [
        (
            {"certificate": "self_signed"},
            {"ssl": "true", "ssl_certificate_path": "/etc/ssl/self/vault.example.com/certificate.crt"},
        ),
        ({"certificate": "none"}, {"ssl": "false", "url": "http://vault.example.com"}),
        (
            {"certificate": "none", "config": {"url": "https://vault.example.com", "http_port": 8080}},
            {"ssl": "false", "url": "https://vault.example.com", "http_port": "8080"},
        ),
        (
            {"certificate": "files", "certificate_files": {"cert": "CERT", "key": "SECRETKEY", "ca": None}},
            {"ssl": "true", "ssl_key_path": "/etc/ssl/vault.example.com/private.key"},
        ),
        (
            {"certificate": "files", "certificate_files": {"cert": "CERT", "key": "SECRETKEY", "ca": "CA"}},
            {"ssl_ca_path": "/etc/ssl/vault.example.com/ca.crt"},
        ),
        ({"certificate": "lets_encrypt"}, {"ssl": "true", "ssl_managed_lets_encrypt": "true"}),
    ],
)
def test_certificates(host, options, config):
    host.run(**options)
    assert {key: host.config().get(key) for key in config} == config
    files = options.get("certificate_files") or {}
    for name, option in (("certificate.crt", "cert"), ("private.key", "key"), ("ca.crt", "ca")):
        path = host.bwdata / "ssl" / "vault.example.com" / name
        assert (path.read_text() if path.exists() else None) == files.get(option)
    assert (host.bwdata / "letsencrypt/live/vault.example.com/fullchain.pem").exists() == (
        options["certificate"] == "lets_encrypt"
    )


@pytest.mark.parametrize(
    ("region", "urls"),
    [
        ("US", {"installation__identityUri": None, "baseServiceUri__cloudRegion": "US"}),
        (
            "EU",
            {
                "installation__identityUri": "https://identity.bitwarden.eu",
                "installation__apiUri": "https://api.bitwarden.eu",
                "pushRelayBaseUri": "https://push.bitwarden.eu",
                "baseServiceUri__cloudRegion": "EU",
            },
        ),
    ],
)
def test_all_addresses_of_the_region_are_set(host, region, urls):
    host.run(region=region, database_name="bitwarden", config={"enable_scim": True, "real_ips": ["10.0.0.0/8"]})
    assert {name: host.setting(f"globalSettings__{name}") for name in urls} == urls
    assert host.config()["enable_scim"] == "true"
    assert "- 10.0.0.0/8" in (host.bwdata / "config.yml").read_text()
    assert "Initial Catalog=bitwarden" in host.setting("globalSettings__sqlServer__connectionString")
    assert len(host.calls("-update")) == 1


def test_without_a_cloud_the_setup_tool_is_answered_here(host):
    host.behaviour["cloud"] = []
    host.cloud = ["not asked"]
    assert host.run(verify_installation=False)["installed"] is True
    (call,) = host.calls("-install")
    assert "--network host --env BW_INSTALLATION_URL=http://127.0.0.1:" in " ".join(call["arguments"])


@pytest.mark.parametrize("verified", [True, False])
def test_a_rootless_engine_cannot_ask_this_host(host, verified):
    host.security_options = ["name=rootless"]
    result = host.run(check=True, verify_installation=verified)
    assert result["installed"] if verified else "The Docker engine is rootless" in result


@pytest.mark.parametrize(
    ("behaviour", "seen"),
    [
        (
            {"cloud": []},
            "ended with status 0 and did not make identity/identity.pfx, .*config.yml. Its last lines: .*Inval",
        ),
        ({"setup": "crash"}, "ended with status 134 and did not make .*no"),
        ({"setup": "hang"}, "did not end within 2s and was killed and did not make"),
        ({"setup": "loop"}, "and did not make .*Its last lines:.*Enter your installation id"),
        ({"setup": "without_pfx"}, r"ended with status 0 and did not make identity/identity\.pfx\. Its last lines"),
    ],
)
def test_what_the_setup_tool_refuses_leaves_nothing(host, behaviour, seen):
    before = host.files()
    host.behaviour.update(behaviour)
    message = host.run(wait_timeout="2s")
    assert re.search(seen, message), message
    assert "Nothing was installed, and what this run made was removed." in message
    assert KEY not in message
    assert host.files() == before
    assert not host.bwdata.parent.exists()
    assert [name.startswith("bitwarden-install-") for name in host.removed] == [True]
    host.behaviour.update(setup="ok", cloud=[ID])
    assert host.run()["installed"] is True


def test_every_problem_of_the_host_is_named_at_once_and_alike_in_check_mode(host):
    host.containers = [
        {
            "Id": "1" * 64,
            "Names": ["/bitwarden-api"],
            "Labels": {"com.docker.compose.project.working_dir": "/srv/x/docker"},
        },
        {"Id": "2" * 64, "Names": ["/setup"], "Labels": {}},
        {"Id": "3" * 64, "Names": ["/other"], "Labels": {}},
    ]
    host.ports = {"443/tcp": "caddy (process 12)"}
    host.cloud = ["The cloud said no."]
    host.behaviour["compose"] = 1
    (host.source / "run.sh").write_text("<html>")
    (host.bwdata / "core").mkdir(parents=True)
    (host.bwdata / "core" / "a").touch()
    before = host.files()
    message = host.run()
    for seen in (
        "files that an unfinished installation does not leave: core",
        "Compose is not installed here",
        "taken by the Compose project in /srv/x/docker: bitwarden-api.",
        "taken by containers that Compose did not create: setup.",
        "Port 443/tcp, which nginx publishes, is taken by caddy (process 12)",
        "run.sh is not a bash script",
        "The cloud said no.",
        "Nothing was changed.",
    ):
        assert seen in message, message
    assert "other" not in message.replace("another", "")
    assert host.run(check=True) == message
    assert host.files() == before
    assert host.calls("run") == []


@pytest.mark.parametrize(
    ("config", "ports", "seen"),
    [
        ({}, {"80/tcp": "nginx (process 1)"}, "Port 80/tcp"),
        ({"http_port": 8080}, {"80/tcp": "nginx (process 1)"}, ""),
        ({"https_port": "127.0.0.1:8443"}, {"443/tcp": "x"}, ""),
        ({"https_port": "127.0.0.1:8443"}, {"127.0.0.1:8443/tcp": "x (process 2)"}, "Port 127.0.0.1:8443/tcp"),
    ],
)
def test_ports_are_those_of_config(host, config, ports, seen):
    host.ports = ports
    result = host.run(check=True, config=config)
    assert (seen in result) if seen else result["installed"]


@pytest.mark.parametrize(
    ("options", "images", "seen"),
    [
        ({}, [], None),
        ({"pull": False}, [], f"These images are not local, and pull is false: {IMAGES[0]}, {IMAGES[1]}, "),
        (
            {"pull": False, "config": {"enable_scim": True}},
            IMAGES,
            f"pull is false: {SETUP.replace('setup', 'scim')}. Load",
        ),
        (
            {"pull": False, "config": {"enable_built_in_ms_sql": False}},
            [one for one in IMAGES if "mssql" not in one],
            None,
        ),
        ({"pull": False}, IMAGES, None),
    ],
)
def test_images(host, options, images, seen):
    host.images = set(images)
    result = host.run(**options)
    assert seen in result if seen else result["installed"]
    assert len(host.calls("pull")) == (0 if images or seen else 1)


def test_a_pull_that_fails(host):
    host.images, host.behaviour["pull"] = set(), 1
    message = host.run()
    assert (
        f"The image {SETUP} was not pulled: docker pull ended with status 1; its last line: Error response" in message
    )
    assert host.files() == {}


def test_an_image_that_its_registry_does_not_have(host):
    script = host.source / "bitwarden.sh"
    script.write_text(script.read_text().replace('COREVERSION="2026.8.0"', 'COREVERSION="9.9.9"'))
    message = host.run(check=True)
    assert "setup:9.9.9 is not local, and its registry does not give it: manifest unknown." in message


def test_docker_is_missing(host, monkeypatch):
    monkeypatch.setattr(Commands, "find", lambda *_arguments: None)
    assert "Docker is not installed here: no command named docker was found." in host.run(check=True)


@pytest.mark.parametrize(
    "left",
    [
        ["env/uid.env", "scripts/run.sh"],
        ["docker/", "env/uid.env", "scripts/run.sh", "ssl/", "letsencrypt/", "identity/", "nginx/", "ca-certificates/"],
        ["identity/identity.pfx", "ssl/self/vault.example.com/private.key", "nginx/default.conf", "web/app-id.json",
         "env/mssql.override.env", "docker/mssql.env", "lost+found/"],
    ],
)  # fmt: skip
def test_what_a_refused_installation_left_is_removed(host, left):
    for path in left:
        made = host.bwdata / path
        (made if path.endswith("/") else made.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith("/"):
            made.write_text("LEFT")
    names = sorted({path.partition("/")[0] for path in left} - {"lost+found"})
    for check in (True, False):
        done = host.run(check)
        assert (done["installed"], done["removed"]) == (True, names)
        assert all(f"unfinished {name}=present" in done["diff"][0]["before"] for name in names)
    assert b"LEFT" not in b"".join(host.files().values())
    assert (host.bwdata / "lost+found").is_dir() == ("lost+found/" in left)


@pytest.mark.parametrize(
    "path",
    [
        "core/attachments/", "mssql/data/vault.mdf", "logs/", "docker/docker-compose.yml", "env/key.txt",
        "docker/docker-compose.override.yml",
        "ssl/vault.example.com/private.key", "ca-certificates/our.crt", "identity/old/a", "notes",
    ],
)  # fmt: skip
def test_a_folder_with_other_files_is_never_touched(host, path):
    made = host.bwdata / path
    (made if path.endswith("/") else made.parent).mkdir(parents=True)
    if not path.endswith("/"):
        made.write_text("PRECIOUS")
    before = host.files()
    message = host.run()
    assert "files that an unfinished installation does not leave: " in message
    assert path.split("/")[0] in message
    assert (host.files(), made.exists()) == (before, True)


def test_links_are_not_taken_for_leftovers(host):
    host.bwdata.mkdir(parents=True)
    (host.folder / "elsewhere").mkdir()
    (host.folder / "elsewhere" / "uid.env").touch()
    (host.bwdata / "env").symlink_to(host.folder / "elsewhere")
    assert "does not leave: env" in host.run()
    assert (host.bwdata / "env" / "uid.env").exists()


@pytest.mark.parametrize("moved", [0, 3, 7])
def test_a_run_that_was_killed_while_it_moved_is_finished(host, moved, monkeypatch):
    renames = []

    def rename(*paths, original=os.rename):
        renames.append(paths)
        # The first two are those of the script and of the complete stage.
        if len([one for one in renames if COMPLETE in one[0]]) > moved:
            raise KeyboardInterrupt
        original(*paths)

    with monkeypatch.context() as patched:
        patched.setattr(stage_module.os, "rename", rename)
        with pytest.raises(KeyboardInterrupt):
            host.run()
    assert not (host.bwdata / "config.yml").exists()
    host.source.rename(host.folder / "elsewhere")
    done = host.run()
    assert (done["changed"], done["installed"], done["removed"]) == (True, True, [])
    assert set(host.files()) >= MADE
    assert not (host.bwdata / COMPLETE).exists()
    assert len(host.calls("-install")) == 1


def test_a_run_that_was_killed_in_the_setup_tool_is_begun_again(host):
    stage = host.bwdata / ".bitwarden-install-0123456789abcdef"
    (stage / "env").mkdir(parents=True)
    (stage / "env" / "global.override.env").write_text(f"globalSettings__installation__key={KEY}\n")
    done = host.run()
    assert done["removed"] == [stage.name]
    assert host.removed[0] == "bitwarden-install-0123456789abcdef", "the container may still be writing"
    assert not stage.exists()


def hit_in_the_setup_tool(host, number):
    """Run the module in a process of its own, which gets the signal while the setup tool is running."""
    host.behaviour["setup"] = "hang"
    (host.programs / "behaviour.json").write_text(json.dumps(host.behaviour))
    params, before = host.params(), len(host.calls("-install"))
    child = os.fork()
    if not child:
        status = 1
        try:
            with signals_arriving(), _terminable():
                install.run(SimpleNamespace(params=params, check_mode=False, _diff=False))
        except Terminated:
            status = 42
        finally:
            os._exit(status)
    deadline = time.monotonic() + 20
    while len(host.calls("-install")) == before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child, number)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing(host, number):
    assert hit_in_the_setup_tool(host, number) == 42
    assert host.removed == [host.calls("-install")[0]["arguments"][4]]
    assert not host.bwdata.parent.exists()


@pytest.mark.parametrize("kills", [1, 2])
def test_a_run_that_fails_removes_the_folders_that_a_killed_one_has_made(host, kills):
    for _time in range(kills):
        assert hit_in_the_setup_tool(host, signal.SIGKILL) == -signal.SIGKILL
        for one in host.calls("-install"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(one["pid"], signal.SIGKILL)
        assert host.bwdata.exists()
    host.behaviour["setup"] = "crash"
    assert "Nothing was installed, and what this run made was removed." in host.run()
    assert not host.bwdata.parent.exists()


def test_a_certificate_of_lets_encrypt_is_obtained_once(host):
    host.behaviour["setup"] = "crash"
    message = host.run(certificate="lets_encrypt")
    assert "ended with status 134" in message
    left = [f"bwdata/{FOLDERS_MADE}", "bwdata/letsencrypt/live/vault.example.com/fullchain.pem"]
    assert sorted(host.files()) == left
    host.behaviour["setup"] = "ok"
    done = host.run(certificate="lets_encrypt")
    assert (done["installed"], done["removed"]) == (True, ["letsencrypt"])
    assert "bwdata/letsencrypt/live/vault.example.com/fullchain.pem" in host.files()
    assert len(host.calls("certonly")) == 1


@pytest.mark.parametrize("rootless", [False, True])
def test_what_certbot_makes_belongs_to_the_owner(host, rootless):
    """Root of a container is the owner itself where the engine runs as an ordinary user."""
    host.security_options = ["name=rootless"] if rootless else []
    assert host.run(certificate="lets_encrypt")["installed"] is True
    (call,) = host.calls("certonly")
    user = dict(zip(call["arguments"], call["arguments"][1:])).get("--user")
    assert user == (None if rootless else f"{host.account.uid}:{host.account.gid}")


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ("", "its last line: Some challenges have failed."),
        ("DNS problem: NXDOMAIN looking up A for x.", "DNS problem: NXDOMAIN looking up A for x."),
    ],
)
def test_a_certificate_that_is_not_issued(host, detail, words):
    host.behaviour.update(certbot=1, detail=detail)
    message = host.run(certificate="lets_encrypt")
    assert f"certbot ended with status 1; {words} The name must lead to this host" in message
    assert host.files() == {}
    assert host.calls("-install") == []


def test_a_container_that_cannot_be_removed_leaves_its_folder_to_the_next_run(host, monkeypatch):
    """It could still write there. Both are told: that, and what the setup tool said."""

    def refuse(_self, name):
        raise EngineError(f"The container {name} cannot be removed: busy.")

    host.behaviour["setup"] = "crash"
    with monkeypatch.context() as patched:
        patched.setattr(InstallHost, "remove_container", refuse)
        message = host.run()
    (stage,) = host.bwdata.glob(".bitwarden-install-*")
    assert "ended with status 134" in message
    assert f"The container {stage.name[1:]} cannot be removed: busy." in message
    assert f"Nothing was installed. What this run made is left in {stage}; the next run removes it." in message
    assert "Nothing was installed, and what this run made was removed." in host.run()
    assert not host.bwdata.parent.exists()


def test_the_script_can_be_in_another_folder(host):
    elsewhere = host.folder / "elsewhere"
    assert f"script: the folder {elsewhere} does not exist." in host.run(script=str(elsewhere / "bitwarden.sh"))
    elsewhere.mkdir()
    assert host.run(script=str(elsewhere / "bitwarden.sh"))["installed"] is True
    assert [one.name for one in elsewhere.iterdir()] == ["bitwarden.sh"]
    assert not host.script.exists()


def test_another_script_is_replaced_and_one_of_the_same_release_kept(host):
    host.script.parent.mkdir()
    host.script.write_text("old")
    assert f"{host.script}=another one" in host.run(check=True)["diff"][0]["before"]
    shutil.copy(host.source / "bitwarden.sh", host.script)
    assert str(host.script) not in host.run(check=True)["diff"][0]["after"]
    host.run()
    assert host.script.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(("check", "changed"), [(False, False), (True, False), (False, True)])
def test_a_server_that_does_not_start_is_told(host, monkeypatch, check, changed):
    def fail(*_arguments):
        raise StateError("Port 443/tcp is taken.", {"restarted": False, "services": [], "warnings": ["w"]})

    if not changed:
        host.run()
    monkeypatch.setattr(installed_module, "Deployment", fail)
    with pytest.raises(StateError) as error:
        host.run(check, raises=True, start=True)
    prefix = "The server is installed, but not healthy: " if changed else ""
    assert str(error.value).startswith(f"{prefix}Port 443/tcp is taken.")
    if not check:
        assert error.value.keys["installed"] is changed
        assert error.value.keys["changed"] is changed
        assert error.value.keys["warnings"] == ["w"]


def test_two_runs_at_once_install_once(host):
    host.run(check=True)
    with server_lock_of(host):
        assert "Another run has been working on" in host.run(lock_timeout="0s")


def test_a_remote_engine_is_refused(host, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert "is on another machine" in host.run()


def test_other_options_than_those_of_the_server_are_warned_of(host):
    host.run()
    again = host.run(domain="other.example.com", installation_id="a" * 8 + ID[8:])
    assert again["changed"] is False
    assert [warning.split(". ")[0].split(", ", 1)[1] for warning in again["warnings"]] == [
        "not one for other.example.com",
        f"not {'a' * 8 + ID[8:]}",
    ]
