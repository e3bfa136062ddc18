# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server on a host of the fleet: what it finds, corrects, proves and rolls back."""

from __future__ import annotations

import ssl
import threading
import time

import pytest

from tests.support.certificates import issue
from tests.support.fleet import api, names

from .ansible_run import playbook, task

HOST = "bw4"
FILE = "env/global.override.env"
CLOUD = "globalSettings__enableCloudCommunication"
READERS = ["admin", "api", "events", "identity", "notifications", "sso"]
pytestmark = pytest.mark.fleet


def server(*options, play=None, **arguments):
    return task("server", HOST, *options, play=play, **arguments)


def failed(*options, play=None, **arguments):
    """Run the module, which must fail; its result."""
    run = server(*options, play=play, **arguments)
    assert run.status != 0, run.output
    return run.result(HOST, "server")


def edit(host, old, new):
    content = host.read(FILE)
    assert old in content
    host.write(FILE, content.replace(old, new))


def add(host, line):
    host.write(FILE, host.read(FILE) + line + "\n")


def started(host):
    return {name: one["started"] for name, one in host.containers().items()}


def test_a_file_edited_by_hand_is_found_predicted_and_applied(bw4):
    assert server().ok().result(HOST, "server")["changed"] is False
    add(bw4, f"{CLOUD}=true")
    before = started(bw4)

    predicted = server("--check", "--diff").ok().result(HOST, "server")
    assert (predicted["changed"], predicted["restarted"], predicted["changes"]) == (True, True, [])
    assert predicted["stale_services"] == {service: [CLOUD] for service in READERS}
    assert started(bw4) == before, "check mode restarted something"

    done = server().ok().result(HOST, "server")
    assert {key: done[key] for key in ("changed", "restarted", "changes", "stale_services")} == {
        key: predicted[key] for key in ("changed", "restarted", "changes", "stale_services")
    }
    assert bw4.container_env("api")[CLOUD] == "true"
    assert all(one["health"] == "healthy" for one in done["services"] if one["name"] != "icons")
    assert bw4.control.answers(), "nginx leads nowhere"
    again = server().ok().result(HOST, "server")
    assert (again["changed"], again["restarted"], again["stale_services"]) == (False, False, {})


def test_a_run_killed_after_the_write_is_completed_by_the_next(bw4):
    by_name = {"vars": {"ansible_pipelining": False}}  # what runs has no name otherwise
    killed = threading.Thread(target=lambda: server(play=by_name, cloud_communication=True))
    killed.start()
    deadline = time.monotonic() + 60
    while CLOUD not in bw4.read(FILE):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bw4.execute("pkill", "-KILL", "-f", "AnsiballZ_[s]erver|[b]itwarden.sh|scripts/[r]un.sh", check=False)
    killed.join(60)
    done = server(cloud_communication=True).ok().result(HOST, "server")
    assert done["changes"] == [], "the first run did not write"
    assert bw4.container_env("api")[CLOUD] == "true"
    assert bw4.control.answers()
    assert server(cloud_communication=True).ok().result(HOST, "server")["changed"] is False


def test_a_run_killed_on_bad_settings_is_taken_back_by_the_next(bw4):
    before, bad = bw4.read(FILE), {"STANDIN_SERVICE": "nosuchservice"}
    killed = threading.Thread(target=lambda: server(play={"vars": {"ansible_pipelining": False}}, settings=bad))
    killed.start()
    deadline = time.monotonic() + 60
    while "nosuchservice" not in bw4.read(FILE):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bw4.execute("pkill", "-KILL", "-f", "AnsiballZ_[s]erver", check=False)
    killed.join(60)
    # It waits for bitwarden.sh, which goes on.
    result = failed(settings=bad)
    assert (result["rolled_back"], result["changes"]) == (True, [{"key": "STANDIN_SERVICE", "action": "removed"}])
    assert "cut off after it wrote" in result["warnings"][0]
    assert bw4.read(FILE) == before
    assert bw4.execute("find", "/opt/bitwarden/bwdata/env", "-name", ".*").split() == []
    assert bw4.control.answers()


USERS = {
    "root": {"remote_user": "root", "vars": {"ansible_user": "root", "ansible_pipelining": False}},
    "become root": {"vars": {"ansible_user": "admin", "ansible_pipelining": False}, "become": True},
    "become bitwarden": {
        "vars": {"ansible_user": "admin", "ansible_pipelining": True},
        "become": True,
        "become_user": "bitwarden",
    },
    "bitwarden": {"vars": {"ansible_user": "bitwarden", "ansible_pipelining": False}},
}


@pytest.fixture(scope="module")
def users_host(bw4_of_file):
    """Return one host for all users: each finds what the one before has set, and sets its own."""
    bw4_of_file.reset()
    return bw4_of_file


@pytest.mark.parametrize("user", USERS)
def test_every_kind_of_connection_user(users_host, user):
    play, port = USERS[user], 2525 + list(USERS).index(user)
    setting = {"globalSettings__mail__smtp__port": port}
    done = server(play=play, settings=setting).ok().result(HOST, "server")
    assert (done["changed"], done["restarted"], done["rc"]) == (True, True, 0)
    assert users_host.container_env("api")["globalSettings__mail__smtp__port"] == str(port)
    path = f"/opt/bitwarden/bwdata/{FILE}"
    assert users_host.execute("stat", "-c", "%U:%G %a", path).split() == ["bitwarden:bitwarden", "600"]
    foreign = ["-not", "-user", "bitwarden", "-newer", path, "-not", "-path", "*/bwdata/*/*"]
    assert users_host.execute("find", "/opt/bitwarden", *foreign).split() == []
    assert server(play=play, settings=setting).ok().result(HOST, "server")["changed"] is False


def test_a_user_without_rights_is_told_so(bw4):
    before = bw4.read(FILE)
    result = failed(play={"vars": {"ansible_user": "admin"}}, cloud_communication=True)
    assert "as root or as the owner" in result["msg"]
    assert bw4.read(FILE) == before


def test_a_setting_that_stops_the_services_is_rolled_back(bw4):
    before = bw4.read(FILE)
    begun = time.monotonic()
    result = failed(settings={"STANDIN_SERVICE": "nosuchservice"}, backup=True)
    assert time.monotonic() - begun < 200, "not told at once"
    assert result["rolled_back"] is True
    assert "crash-loops" in result["msg"] and "rolled back" in result["msg"]
    assert "invalid choice" in result["msg"], "no last log lines"
    assert bw4.read(FILE) == before
    assert bw4.container_env("api")["STANDIN_SERVICE"] == "api"
    assert bw4.control.answers()
    assert server().ok().result(HOST, "server")["changed"] is False


def test_a_service_that_never_becomes_healthy_is_rolled_back(bw4):
    bw4.write(
        "docker/docker-compose.override.yml",
        'services:\n  admin:\n    healthcheck:\n      test: ["CMD-SHELL", "test -z \\"$$SICK\\""]\n',
    )
    result = failed(settings={"SICK": "very"}, wait_timeout="15s")
    assert result["rolled_back"] is True
    assert "admin does not answer its health check" in result["msg"]
    assert "running on the old ones" in result["msg"]
    assert "SICK" not in bw4.read(FILE)
    assert bw4.control.answers()


def test_without_rollback_the_settings_stay(bw4):
    result = failed(settings={"STANDIN_SERVICE": "nosuchservice"}, rollback=False, pull=False)
    assert result["rolled_back"] is False
    assert "STANDIN_SERVICE" in bw4.read(FILE)


def test_what_this_run_did_not_write_is_left_as_it_is_and_named(bw4):
    edit(bw4, "globalSettings__disableUserRegistration=false", "globalSettings__disableUserRegistration=hunter2")
    before = bw4.read(FILE)
    result = failed()
    assert "crash-loops" in result["msg"]
    assert "globalSettings__disableUserRegistration" in result["msg"], "the setting that differs is not named"
    assert "hunter2" not in result["msg"]
    assert result["rolled_back"] is False
    assert bw4.read(FILE) == before
    # Unhealthy, but on its settings: another restart would not help.
    counts = {name: one["id"] for name, one in bw4.containers().items()}
    again = failed()
    assert again["restarted"] is False
    assert {name: one["id"] for name, one in bw4.containers().items()} == counts


def test_a_pull_that_fails_leaves_the_server_up_on_the_wanted_settings(bw4):
    api.registry().stop()
    run = server(cloud_communication=True).ok()
    result = run.result(HOST, "server")
    assert (result["changed"], result["restarted"], result["rc"]) == (True, True, 18)
    assert "started from local images" in run.output
    assert bw4.container_env("api")[CLOUD] == "true"
    assert bw4.control.answers()


def test_without_pull_only_what_changed_is_recreated_and_nginx_is_restarted(bw4):
    before = started(bw4)
    result = server(cloud_communication=True, pull=False).ok().result(HOST, "server")
    assert result["restarted"] is True
    after = started(bw4)
    assert sorted(name for name in before if before[name] != after[name]) == sorted([*READERS, "nginx"])
    assert bw4.control.answers(), "nginx leads nowhere"
    bw4.docker("compose", "-p", "docker", "-f", "/opt/bitwarden/bwdata/docker/docker-compose.yml", "up", "-d",
               "--force-recreate", "--no-deps", "api")  # fmt: skip
    restarted = server().ok().result(HOST, "server")
    assert (restarted["changed"], restarted["stale_services"]) == (True, {}), "nginx was not restarted"
    assert server().ok().result(HOST, "server")["changed"] is False


def test_a_setting_that_an_override_hides_is_refused(bw4):
    before = bw4.read(FILE)
    bw4.write(
        "docker/docker-compose.override.yml",
        'services:\n  api:\n    environment:\n      GlobalSettings__EnableCloudCommunication: "false"\n',
    )
    result = failed(cloud_communication=True)
    assert "docker-compose.override.yml" in result["msg"] and CLOUD in result["msg"]
    assert bw4.read(FILE) == before
    assert server("--check").ok().result(HOST, "server")["stale_services"] == {
        "api": ["GlobalSettings__EnableCloudCommunication"]
    }


def test_problems_with_the_cloud_prevent_a_change_or_are_warned_of(bw4):
    before, containers = bw4.read(FILE), started(bw4)
    result = failed(cloud_communication=True, region="EU")
    assert "nothing was changed" in result["msg"] and "not known in EU" in result["msg"]
    assert (result["changed"], result["preflight"]["ok"]) == (False, False)
    assert result["preflight"]["certain"] == [line for line in result["preflight"]["problems"] if "not known" in line]
    run = server("--check", cloud_communication=True, region="EU", preflight="warn").ok()
    assert "Cloud connectivity: " in run.output
    assert run.result(HOST, "server")["preflight"]["problems"] == result["preflight"]["problems"]
    assert (bw4.read(FILE), started(bw4)) == (before, containers)
    assert server("--check", cloud_communication=True).ok().result(HOST, "server")["preflight"]["ok"] is True


def test_stopped_and_started_again(bw4):
    assert server("--check", state="stopped").ok().result(HOST, "server")["changed"] is True
    stopped = server(state="stopped").ok().result(HOST, "server")
    assert (stopped["changed"], stopped["restarted"]) == (True, False)
    assert {one["state"] for one in stopped["services"]} == {"absent"}
    assert server(state="stopped").ok().result(HOST, "server")["changed"] is False
    assert server().ok().result(HOST, "server")["restarted"] is True
    before = started(bw4)
    assert server(state="restarted", pull=False).ok().result(HOST, "server")["restarted"] is True
    assert not set(before.values()) & set(started(bw4).values()), "a service was not restarted"


def test_no_engine_has_its_own_message(bw4):
    bw4.engine("stop")
    assert "The Docker engine (unix:///var/run/docker.sock) cannot be reached" in failed()["msg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bwdata": "/opt/nowhere/bwdata"}, "/opt/nowhere/bwdata cannot be used"),
        ({"script": "/opt/bitwarden/nowhere.sh"}, "/opt/bitwarden/nowhere.sh does not exist"),
        ({"wait_timeout": "soon"}, "'soon' is not a duration"),
        ({"settings": {CLOUD: "yes"}}, CLOUD),
        ({"bwdata": "/opt/bitwarden"}, "Set it to /opt/bitwarden/bwdata"),
    ],
)
def test_bad_input_changes_nothing(bw4, arguments, words):
    before = bw4.read(FILE)
    result = failed(**arguments)
    assert words in result["msg"]
    assert result["changed"] is False
    assert bw4.read(FILE) == before


def test_two_runs_take_turns(bw4):
    one = {"hosts": HOST, "gather_facts": False, "tasks": [
        {"selfhosted.bitwarden.server": {"cloud_communication": True, "pull": False}, "async": 300, "poll": 0},
        {"selfhosted.bitwarden.server": {"settings": {"globalSettings__mail__smtp__port": 2526}, "pull": False}},
        {"selfhosted.bitwarden.server": {"cloud_communication": True}, "check_mode": True},
    ]}  # fmt: skip
    run = playbook([one]).ok()
    assert run.of(HOST, "server")[-1].result["changed"] is False
    environment = bw4.container_env("api")
    assert (environment[CLOUD], environment["globalSettings__mail__smtp__port"]) == ("true", "2526")


def test_a_rebuild_that_was_killed_is_finished_by_the_next_run(bw4):
    config = {"http_port": 8080, "real_ips": ["10.10.0.0/24"]}
    by_name = {"vars": {"ansible_pipelining": False}}
    killed = threading.Thread(target=lambda: server(play=by_name, config=config))
    killed.start()
    deadline = time.monotonic() + 60
    while "http_port: 8080" not in bw4.read("config.yml"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    bw4.execute("pkill", "-KILL", "-f", "AnsiballZ_[s]erver|[b]itwarden.sh|scripts/[r]un.sh", check=False)
    killed.join(60)
    predicted = server("--check", config=config).ok().result(HOST, "server")
    assert (predicted["changed"], predicted["restarted"], predicted["config"]["rebuilt"]) == (True, True, True)
    done = server(config=config).ok().result(HOST, "server")
    assert "cut off while it changed config.yml" in done["warnings"][0]
    assert (done["changed"], done["restarted"], done["rolled_back"]) == (True, True, False)
    assert "0.0.0.0:8080->8080/tcp" in bw4.docker("ps", "--format", "{{.Ports}}")
    assert "set_real_ip_from 10.10.0.0/24;" in bw4.read("nginx/default.conf")
    assert bw4.control.answers()
    assert server(config={}).ok().result(HOST, "server")["changed"] is False
    assert ".bitwarden" not in bw4.execute("ls", "-A", "/opt/bitwarden/bwdata/env")


def test_a_certificate_is_served_without_a_restart_and_rolled_back_where_nginx_refuses(bw4, tmp_path):
    authority = issue("Fleet Test Root")
    address = names.HOSTS[HOST].address

    def given(name):
        one = issue(address, (address,), authority)
        (tmp_path / f"{name}.pem").write_text(one.pem + authority.pem)
        (tmp_path / f"{name}.key").write_text(one.key_pem())
        return one, {"cert": str(tmp_path / f"{name}.pem"), "key": str(tmp_path / f"{name}.key")}

    def served():
        return ssl.get_server_certificate((address, 443))

    one, certificate = given("one")
    before, running = served(), started(bw4)
    predicted = server("--check", "--diff", certificate=certificate).ok().result(HOST, "server")
    assert served() == before
    run = server("--diff", "-vvv", certificate=certificate).ok()
    done = run.result(HOST, "server")
    assert (done["changed"], done["restarted"], done["diff"]) == (True, False, predicted["diff"])
    assert served() == one.pem and started(bw4) == running, "a container was restarted"
    files = bw4.execute("sh", "-c", "stat -c '%U %a %n' /opt/bitwarden/bwdata/ssl/*/*").split()
    assert files[:2] == ["bitwarden", "644"] and files[3:5] == ["bitwarden", "600"]
    assert server(certificate=certificate).ok().result(HOST, "server")["changed"] is False
    secret = one.key_pem().splitlines()[1]
    assert secret not in run.output
    assert secret not in bw4.execute("sh", "-c", "cat /var/log/syslog; ps axww")

    bw4.docker("exec", "bitwarden-nginx", "sh", "-c", "echo nonsense > /etc/nginx/conf.d/broken.conf")
    _two, certificate = given("two")
    try:
        result = failed(certificate=certificate)
        assert served() == one.pem
    finally:
        # The reset creates it again, without that file.
        bw4.docker("rm", "--force", "bitwarden-nginx")
    assert "broken.conf" in result["msg"] and (result["changed"], result["rolled_back"]) == (False, True)
    assert bw4.read(f"ssl/{address}/certificate.crt") == one.pem + authority.pem
