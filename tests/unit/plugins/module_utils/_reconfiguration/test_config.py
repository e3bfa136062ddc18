# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""config.yml of a server in memory: changed, rebuilt, predicted, rolled back, and finished after a kill."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._reconfiguration.config_file import ConfigFile

from .configured_host import HOST

PORT = "globalSettings__mail__smtp__port"


def snapshot(host):
    return {str(path.relative_to(host.bwdata)): path.read_bytes() for path in host.bwdata.rglob("*") if path.is_file()}


def told(result):
    return {key: result[key] for key in ("changed", "restarted", "changes", "stale_services", "diff", "config")}


def test_nothing_is_to_be_done(host, run):
    before = snapshot(host)
    for config in ({"http_port": 80, "ssl": True, "real_ips": []}, {}):
        result = run(config=config)
        assert (result["changed"], result["restarted"], result["config"]) == (
            False, False, {"changes": [], "rebuilt": False}
        )  # fmt: skip
        assert host.done == [] and "diff" not in result and result["warnings"] == []
    assert snapshot(host) == before


def test_without_the_options_config_yml_is_not_even_read(host, run):
    host.path("config.yml").write_text("broken: [\n")
    result = run()
    assert (result["changed"], result["config"], result["certificate"]) == (False, None, None)


def test_a_change_is_predicted_rebuilt_and_started(host, run):
    before = snapshot(host)
    predicted = run(check=True, config={"http_port": 8080})
    assert snapshot(host) == before and host.done == []
    result = run(config={"http_port": 8080})
    assert told(result) == told(predicted)
    assert host.done == ["script rebuild", "script restart"]
    assert (result["changed"], result["restarted"], result["rolled_back"]) == (True, True, False)
    assert result["config"] == {"changes": [{"key": "http_port", "action": "changed"}], "rebuilt": True}
    assert result["diff"][0]["before"] == "http_port=80\n" and result["diff"][0]["after"] == "http_port=8080\n"
    assert "all services restart" in result["diff"][-1]["after"]
    assert result["warnings"] == ["The setup tool dropped comments from config.yml: # ours."]
    assert host.config()["http_port"] == "8080" and "nginx" in host.containers
    assert run(config={"http_port": 8080})["changed"] is False
    assert not list(host.path("env").glob(".bitwarden*"))


def test_settings_of_the_same_task_cost_no_second_restart(host, run):
    result = run(settings={PORT: 2525}, config={"enable_scim": True})
    assert host.done == ["script rebuild", "script restart"]
    assert result["changes"] == [{"key": PORT, "action": "added"}]
    assert host.containers["api"]["environment"][PORT] == "2525" and "scim" in host.containers
    assert run(settings={PORT: 2525}, config={"enable_scim": True})["changed"] is False


def test_what_was_not_rebuilt_is_found(host, run):
    host.path("config.yml").write_text(host.path("config.yml").read_text().replace("443", "8443"))
    assert run(config={"http_port": 80})["changed"] is False, "another key was not asked for"
    predicted = run(check=True, config={})
    assert predicted["config"] == {"changes": [], "rebuilt": True}
    assert "not as in config.yml (https_port)" in predicted["diff"][0]["before"]
    assert told(run(config={})) == told(predicted)
    assert '"published": "8443"' in host.path("docker/docker-compose.yml").read_text()
    assert run(config={})["changed"] is False


def test_a_stopped_server_is_rebuilt_and_stays_stopped(host, run):
    run(state="stopped")
    result = run(state="stopped", config={"http_port": 8080})
    assert host.done == ["script rebuild"]
    assert (result["changed"], result["restarted"], host.containers) == (True, False, {})
    assert run(state="stopped", config={"http_port": 8080})["changed"] is False


def test_an_unhealthy_server_is_rolled_back(host, run):
    before = {name: content for name, content in snapshot(host).items() if name != "config.yml"}
    config = host.path("config.yml").read_bytes()
    host.unhealthy = lambda service, environment: service == "scim"
    result = run(settings={PORT: 2525}, config={"enable_scim": True})
    assert "scim does not answer its health check" in result["msg"]
    assert "config.yml) were rolled back; the server is running on the old ones." in result["msg"]
    assert (result["changed"], result["restarted"], result["rolled_back"]) == (True, True, True)
    assert host.path("config.yml").read_bytes() == config, "with its comments"
    assert {name: content for name, content in snapshot(host).items() if name != "config.yml"} == before
    assert "scim" not in host.containers and PORT not in host.containers["api"]["environment"]
    host.unhealthy = lambda service, environment: False
    assert run(config={"http_port": 80})["changed"] is False


def test_without_rollback_it_stays(host, run):
    host.unhealthy = lambda service, environment: service == "scim"
    result = run(config={"enable_scim": True}, rollback=False)
    assert "was left in place (rollback=false)" in result["msg"] and result["rolled_back"] is False
    assert host.config()["enable_scim"] is True


@pytest.mark.parametrize("fails", ["setup", "silently"])
def test_a_rebuild_that_does_not_work_is_rolled_back(host, run, fails):
    host.rebuild_fails = fails
    before = snapshot(host)
    result = run(config={"http_port": 8080})
    assert "bitwarden.sh rebuild ended with status" in result["msg"] and "rolled back" in result["msg"]
    if fails == "silently":
        assert "does not follow config.yml (http_port)" in result["msg"]
    assert snapshot(host) == before and "api" in host.containers


@pytest.mark.parametrize("moment", ["before rebuild", "after rebuild"])
@pytest.mark.parametrize("healthy", [True, False])
@pytest.mark.parametrize("asked", [True, False])
def test_a_run_that_is_cut_off_is_finished_or_rolled_back_by_the_next(host, run, moment, healthy, asked):
    before = snapshot(host)

    def kill(step):
        if step == moment:
            raise Terminated("SIGKILL")

    host.interrupt = kill
    with pytest.raises(Terminated):
        run(settings={PORT: 2525}, config={"enable_scim": True})
    host.interrupt = lambda step: None
    assert list(host.path("env").glob(".bitwarden-journal-files.json"))
    if not healthy:
        host.unhealthy = lambda service, environment: service == "scim"
    again = {"settings": {PORT: 2525}, "config": {"enable_scim": True}} if asked else {}
    predicted = run(check=True, **again)
    assert (predicted["changed"], predicted["restarted"]) == (True, True)
    result = run(**again)
    assert "A run was cut off while it changed config.yml" in result["warnings"][0]
    assert ("msg" in result) is not healthy and result["rolled_back"] is not healthy
    assert not list(host.path("env").glob(".bitwarden*"))
    if healthy:
        assert host.containers["api"]["environment"][PORT] == "2525" and "scim" in host.containers
    else:
        assert snapshot(host) == before and "scim" not in host.containers
    host.unhealthy = lambda service, environment: False
    assert run(**(again if healthy else {}))["changed"] is False


def test_a_config_that_another_process_changed_after_a_kill_stays(host, run):
    def kill(step):
        raise Terminated("SIGKILL")

    host.interrupt = kill
    with pytest.raises(Terminated):
        run(config={"http_port": 8080})
    host.interrupt = lambda step: None
    host.path("config.yml").write_text(host.path("config.yml").read_text().replace("8080", "9090"))
    result = run()
    assert "another process has changed the file since" in result["warnings"][0]
    assert host.config()["http_port"] == "9090" and result["changed"] is False and host.done == []
    assert len(list(host.bwdata.glob("config.yml.*.bak"))) == 1
    assert not list(host.path("env").glob(".bitwarden*"))


def test_a_run_that_was_cut_off_before_it_wrote_leaves_nothing_to_do(host, run, monkeypatch):
    def kill(*arguments):
        raise Terminated("SIGKILL")

    before = snapshot(host)
    with monkeypatch.context() as patched:
        patched.setattr(ConfigFile, "write", kill)
        with pytest.raises(Terminated):
            run(config={"http_port": 8080})
    assert snapshot(host) != before, "it did not get so far"
    result = run()
    assert (result["changed"], result["warnings"], host.done) == (False, [], [])
    assert snapshot(host) == before


def test_settings_that_an_earlier_run_left_unproven_are_rolled_back_as_well(host, run, monkeypatch):
    before = snapshot(host)

    def kill(command):
        raise Terminated("SIGKILL")

    with monkeypatch.context() as patched:
        patched.setattr(host, "_script", kill)
        with pytest.raises(Terminated):
            run(settings={PORT: 2525})
    assert PORT in host.path("env/global.override.env").read_text()
    host.unhealthy = lambda service, environment: service == "scim"
    result = run(config={"enable_scim": True})
    assert "cut off after it wrote" in result["warnings"][0] and result["rolled_back"] is True
    assert snapshot(host) == before and PORT not in host.containers["api"]["environment"]


def test_the_image_of_the_setup_tool_is_pulled_before_the_server_goes_down(host, run):
    host.missing_images.add("ghcr.io/bitwarden/setup:2026.8.0")
    host.pull_fails = True
    before = snapshot(host)
    result = run(config={"http_port": 8080})
    assert "setup:2026.8.0, which rebuilds the server, is not local" in result["msg"]
    assert "Nothing was changed." in result["msg"]
    assert (result["changed"], host.done) == (False, ["docker pull ghcr.io/bitwarden/setup:2026.8.0"])
    assert snapshot(host) == before
    host.pull_fails = False
    assert run(config={"http_port": 8080})["changed"] is True


def script(host, text):
    (host.bwdata.parent / "bitwarden.sh").write_text(text)


PROBLEMS = {
    "another version": (
        {"http_port": 8080},
        lambda host: script(host, '#!/bin/sh\nCOREVERSION="2026.9.0"\nWEBVERSION="2026.8.0"\ncase $1 in x) ;; esac\n'),
        ["is of another version than the server", "api 2026.8.0 (the script's COREVERSION is 2026.9.0)"],
    ),
    "no script": (
        {"http_port": 8080},
        lambda host: (host.bwdata.parent / "bitwarden.sh").unlink(),
        ["bitwarden.sh does not exist"],
    ),
    "a taken port": ({"http_port": 8080}, lambda host: host.other("web", ports=(8080,)), ["Port 8080/tcp"]),
    "a taken name": ({"http_port": 8080}, lambda host: host.other("setup"), ["Container names", "setup"]),
    "no certificate": (
        {"ssl_key_path": "/etc/ssl/other/private.key"},
        lambda host: None,
        ["ssl/other/private.key does not exist: nginx would not start"],
    ),
    "Let's Encrypt": (
        {"ssl_managed_lets_encrypt": True},
        lambda host: None,
        [f"letsencrypt/live/{HOST} does not exist"],
    ),
    "no database": (
        {"enable_built_in_ms_sql": False},
        lambda host: host.path("env/global.override.env").write_text(
            host.path("env/global.override.env").read_text()
            + 'globalSettings__sqlServer__connectionString="Data Source=tcp:mssql,1433"\n'
        ),
        ["still names the built-in database"],
    ),
    "the volume": ({"database_docker_volume": True}, lambda host: None, ["it would start with an empty database"]),
    "contradictions": ({"http_port": 443}, lambda host: None, ["http_port and https_port are both 443"]),
    "no type": ({"http_port": "x", "htps_port": 1}, lambda host: None, ["config.http_port", "Did you mean https_port"]),
}


@pytest.mark.parametrize("case", PROBLEMS)
@pytest.mark.parametrize("check", [True, False])
def test_problems_are_found_before_anything_is_changed(host, run, case, check):
    config, spoil, words = PROBLEMS[case]
    spoil(host)
    if case == "no database":
        run()
    before = snapshot(host)
    result = run(check=check, config=config)
    assert all(word in result["msg"] for word in words), result["msg"]
    assert result["changed"] is False and host.done == [] and snapshot(host) == before


def test_another_url_says_what_it_costs(host, run):
    result = run(check=True, config={"url": "https://other.example.com"})
    assert f"config: url changes from https://{HOST} to https://other.example.com" in result["warnings"][0]
    assert "Passkeys" in result["warnings"][0]
    assert run(check=True, config={"url": f"https://{HOST}:8443"})["warnings"] == []


def test_unknown_keys_and_keys_without_effect_are_warned_of(host, run):
    with host.path("config.yml").open("a") as file:
        file.write("generate_nginx_config: false\nmine: 1\n")
    warnings = run(check=True, config={"real_ips": ["10.0.0.1"]})["warnings"]
    assert "generate_nginx_config is false, so that real_ips has no effect" in warnings[0]
    assert "keys that the setup tool does not know and drops: mine." in warnings[1]
