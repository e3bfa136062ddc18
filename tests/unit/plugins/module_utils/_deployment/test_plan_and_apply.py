# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a request, files and containers to what is done, on a host in memory."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Result
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.apply import apply
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import DeploymentError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.plan import StateError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest

from .fake_host import READ

CLOUD = "globalSettings__enableCloudCommunication"
ON = SettingsRequest(cloud_communication=True)
RUNNING = "running on the settings in the files"


def settings(host):
    return (host.bwdata / "env" / "global.override.env").read_text()


def shown(found):
    return [(one["before"].strip(), one["after"].strip()) for one in found.diff()]


@pytest.mark.parametrize(
    ("prepare", "options", "action", "before"),
    [
        (lambda host: None, {}, "up", "stopped"),
        (lambda host: host.start(), {}, "", RUNNING),
        (lambda host: host.start(), {"state": "restarted"}, "up", RUNNING),
        (lambda host: host.start(), {"state": "stopped"}, "down", RUNNING),
        (lambda host: None, {"state": "stopped"}, "", "stopped"),
        (lambda host: host.start().containers.pop("mssql"), {}, "up", "without mssql"),
        (lambda host: host.start().containers["api"].update(state="exited"), {}, "up", "without api"),
        (lambda host: host.start().containers["api"].update(state="restarting"), {}, "", RUNNING),
        (lambda host: host.start().compose_environment.update(api={"X": "1"}), {}, "up", "on other settings (api)"),
        (lambda host: host.start().containers["api"]["environment"].update(O="1"), {}, "up", "on other settings (api)"),
        (
            lambda host: host.start().containers["api"].update(created=2e3),
            {},
            "restart_nginx",
            "nginx started before other services",
        ),
    ],
)
def test_what_the_stack_leads_to(host, planned, prepare, options, action, before):
    prepare(host)
    found = planned(**options)
    assert found.action == action
    assert found.changed is bool(action)
    assert found.restarted is (action in ("up", "restart_nginx"))
    assert [one[0] for one in shown(found)] == ([f"stack={before}"] if action else [])
    assert host.done == [], "planning changed something"


@pytest.mark.parametrize(
    ("prepare", "options", "interruption"),
    [
        (lambda host: None, {}, ""),
        (lambda host: host.start().containers.pop("mssql"), {}, "; all services restart (about a minute of downtime)"),
        (lambda host: host.start().containers.pop("mssql"), {"pull": False}, "; mssql starts"),
        (lambda host: host.start(), {"settings": ON, "pull": False}, "; api, identity restart"),
        (
            lambda host: host.start().containers.pop("mssql"),
            {"settings": ON, "pull": False},
            "; mssql starts; api, identity restart",
        ),
        (
            lambda host: host.start(),
            {"state": "restarted", "pull": False},
            "; all services restart (about a minute of downtime)",
        ),
        (lambda host: host.start().containers["api"].update(created=2e3), {}, "; nginx restarts"),
    ],
)
def test_the_diff_says_which_services_restart(host, planned, prepare, options, interruption):
    prepare(host)
    found = planned(**options)
    assert shown(found)[-1][1] == f"stack={RUNNING}{interruption}"


def test_settings_are_written_and_applied_in_one_run_and_then_left_as_they_are(host, run, planned):
    host.start()
    predicted = planned(ON)
    assert settings(host).endswith("Communication=false\n"), "planning wrote the file"
    assert predicted.stack.stale() == {"api": [CLOUD], "identity": [CLOUD]}

    outcome, error = run(ON)
    assert not error
    assert (outcome["changed"], outcome["restarted"], outcome["rolled_back"]) == (True, True, False)
    assert outcome["changes"] == [{"key": CLOUD, "action": "changed"}]
    assert host.containers["api"]["environment"][CLOUD] == "true"
    assert outcome["stale_services"] == predicted.stack.stale()
    assert outcome["installation_id"] == "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
    assert outcome["version"] == "2026.8.0"
    assert {one["name"]: one["health"] for one in outcome["services"]}["api"] == "healthy"
    assert "started" in outcome["stdout"] and "Canary" not in outcome["stdout"]

    host.done.clear()
    again, error = run(ON)
    assert (again["changed"], again["restarted"], error, host.done) == (False, False, "", [])


@pytest.mark.parametrize("settings", [None, SettingsRequest(cloud_communication=False)])
def test_an_unchanged_run_starts_one_process_and_inspects_once(host, run, settings):
    host.start().health = "healthy"
    host.now += 60
    outcome, error = run(settings)
    assert (outcome["changed"], error) == (False, "")
    assert [process[1:3] for process in host.processes] == [["config", "--format"]]
    assert (host.asked, host.inspections) == ([], 1)
    assert {one["health"] for one in outcome["services"]} == {"healthy"}


def test_a_change_inspects_before_and_after_and_asks_the_services(host, run):
    host.start().health = "healthy"
    host.now += 60
    assert run(ON, wait=False)[1] == ""
    assert (host.asked, host.inspections) == ([], 2)
    assert run(SettingsRequest(cloud_communication=False))[1] == ""
    assert set(host.asked) == {"api", "identity", "mssql", "nginx"}, "Docker was believed after a change"
    assert sum("config" in process for process in host.processes) == 6, (
        "a plan reads the project and its env files, a write the project"
    )


@pytest.fixture
def parsed(monkeypatch):
    """Return the list of the env files that are parsed as Compose reads them, which fills meanwhile."""
    read = []
    parse = EnvFile.parse

    def recorded(data, name, *more):
        read.extend([name] if more else [])
        return parse(data, name, *more)

    monkeypatch.setattr(EnvFile, "parse", recorded)
    return read


def test_env_files_are_read_once(host, run, parsed):
    host.start()
    run()
    assert parsed and sorted(parsed) == sorted(set(parsed)), "a file was parsed twice"


def test_env_files_are_read_once_for_all_services_where_the_settings_stay(host, run, planned, parsed):
    path = str(host.bwdata / "env" / "global.override.env")
    run(ON)
    parsed.clear()
    assert not apply(planned(ON), host.clock).result()["changed"]
    others = [name for name in parsed if name != path]
    assert others and sorted(others) == sorted(set(others)), "a file was parsed twice"
    # Once for its values, and once to see which services read it.
    assert parsed.count(path) == 2


@pytest.mark.parametrize("state", ["started", "restarted", "stopped"])
@pytest.mark.parametrize("value", ["1", "2"])
def test_a_setting_that_no_service_reads_is_refused(host, planned, state, value):
    host.start()
    (host.bwdata / "env" / "key-connector.override.env").write_text("A=1\n")
    with pytest.raises(StateError, match=r"No service .* reads .*key-connector\.override\.env"):
        planned(SettingsRequest(file="key_connector", settings={"A": value}), state=state)


def test_a_setting_in_another_file_concerns_its_own_services(host, planned):
    host.start()
    found = planned(SettingsRequest(file="mssql", settings={"MSSQL_PID": "Express"}))
    assert found.stack.stale() == {"mssql": ["MSSQL_PID"]}


def test_after_a_failed_pull_the_server_starts_from_local_images(host, run):
    host.start().pull_fails = True
    outcome, error = run(ON)
    assert not error
    assert (outcome["changed"], outcome["restarted"], outcome["rc"]) == (True, True, 18)
    assert host.done == ["script restart", "up"]
    assert host.containers["api"]["environment"][CLOUD] == "true"
    (warning,) = outcome["warnings"]
    assert "status 18 and left 5 of 5 services down; its last line: pull failed" in warning
    assert warning.endswith("The server was started from local images instead.")
    assert "Canary" not in warning + json.dumps(outcome)


@pytest.mark.parametrize(
    ("result", "waits"),
    [
        (Result(-9, "", ""), True),
        (Result(137, "", ""), True),
        (Result(-9, "", "", True, 600.0), True),
        (Result(18, "", ""), False),
        (Result(1, "", ""), False),
    ],
)
def test_what_a_killed_restart_has_asked_of_the_engine_is_waited_for(host, run, monkeypatch, result, waits):
    host.start()
    monkeypatch.setattr(host, "_script", lambda command: host.containers.pop("api") and result)
    outcome, error = run(ON)
    assert (error, outcome["rolled_back"]) == ("", False)
    assert host.done[:2] == (["down", "up"] if waits else ["up", "restart nginx"])
    assert host.containers["api"]["environment"][CLOUD] == "true"


@pytest.mark.parametrize("pull", [True, False])
def test_where_one_service_cannot_start_the_others_do_and_no_success_is_told(host, run, pull):
    host.start().pull_fails = True
    host.images_gone = {"api"}
    host.containers.pop("api")
    outcome, error = run(ON, pull=pull)
    assert "api" in error and "No such image" in error and "icons" not in error
    assert sorted(host.containers) == ["icons", "identity", "mssql", "nginx"]
    assert not any("was started" in warning for warning in outcome["warnings"])
    assert ("bitwarden.sh restart ended with status 18 and left 5 of 5 services down" in error) is pull


def test_what_compose_makes_of_the_written_file_counts_and_not_the_prediction(host, run):
    """A Compose that does not name its env files leaves open what is behind a line that goes."""
    name, file = "globalSettings__disableEmailNewDevice", host.bwdata / "env" / "global.override.env"
    host.start().model_names_env_files = False
    (host.bwdata / "elsewhere.env").write_text(f"{name}=true\n")
    file.write_text(f"{settings(host)}{name}=false\n")
    host.read["api"] = ["elsewhere.env", *host.read["api"]]
    assert run()[1] == ""
    outcome, error = run(SettingsRequest(settings={name: None}))
    assert (error, outcome["rolled_back"]) == ("", False)
    assert host.containers["api"]["environment"][name] == "true"


@pytest.mark.parametrize("state", ["started", "restarted"])
def test_an_image_that_cannot_be_pulled_is_found_before_anything_is_taken_down(host, run, state):
    host.start().pull_fails = True
    host.missing_images.add("ghcr.io/bitwarden/api:2026.8.0")
    before = {name: one["created"] for name, one in host.containers.items()}
    outcome, error = run(ON, state=state)
    assert "Nothing was restarted" in error and "ghcr.io/bitwarden/api:2026.8.0" in error
    assert "docker compose pull ended with status 18; its last line: pull failed" in error
    assert outcome["rolled_back"] is True
    assert host.done == ["pull", "up"]
    assert {name: one["created"] for name, one in host.containers.items()} == before
    host.done.clear()
    host.pull_fails = False
    assert run(ON, state=state)[1] == ""
    assert host.done[:2] == ["pull", "script restart"]


def test_without_local_images_either_the_old_settings_come_back(host, run):
    host.start().pull_fails = True
    host.images_gone = set(READ)
    outcome, error = run(ON)
    assert "bitwarden.sh restart ended with status 18" in error and "No such image" in error
    assert outcome["rolled_back"] is True
    assert outcome["warnings"] == [], "a success that was none"
    assert "Communication=false" in settings(host)
    # The script took the containers down, and nothing could be started.
    assert (outcome["changed"], outcome["restarted"]) == (True, True)


@pytest.mark.parametrize("rollback", [True, False])
def test_what_a_failed_run_did_not_touch_was_not_restarted(host, run, rollback):
    host.start().images_gone = set(READ)
    outcome, error = run(ON, pull=False, rollback=rollback)
    assert "Still not on the settings" in error and "No such image" in error
    assert (outcome["changed"], outcome["restarted"], outcome["rolled_back"]) == (not rollback, False, rollback)
    assert ("Communication=true" in settings(host)) is not rollback


def test_nothing_was_restarted_where_images_could_not_be_pulled(host, run):
    host.start().pull_fails = True
    host.missing_images = {"ghcr.io/bitwarden/api:2026.8.0"}
    outcome, error = run(ON)
    assert "Nothing was restarted" in error
    assert (outcome["changed"], outcome["restarted"], outcome["rolled_back"]) == (False, False, True)


def test_what_ends_without_this_run_was_not_restarted_by_it(host, run):
    host.start().health = "unhealthy"
    ends = host.containers["api"]
    host.unhealthy = lambda service, environment: ends.update(state="exited") or True
    outcome, error = run(wait_timeout=20.0)
    assert error and host.done == []
    assert (outcome["changed"], outcome["restarted"]) == (False, False)


def test_a_stop_that_fails_is_no_restart(host, run, monkeypatch):
    host.start()
    monkeypatch.setattr(host, "_script", lambda command: Result(1, "", "no\n"))
    monkeypatch.setattr(host, "_down", lambda: host.containers.pop("icons", None))
    outcome, error = run(state="stopped")
    assert "Still running after the stop" in error
    assert (outcome["changed"], outcome["restarted"]) == (True, False)


def test_after_a_roll_back_settings_are_what_they_were(host, run):
    host.start().crashes = crashes_on("true")
    new = "0" * 31 + "1"
    outcome, _error = run(ON._replace(settings={"globalSettings__installation__id": new}))
    assert (outcome["rolled_back"], outcome["cloud_communication"]) == (True, False)
    assert outcome["installation_id"] == "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
    host.crashes = lambda environment: False
    assert run(ON)[0]["cloud_communication"] is True


def test_a_restart_by_the_engine_is_not_one_of_the_run(host, run):
    def crash():
        host.containers["icons"].update(started=host.now, restarts=1)

    host.start().images_gone = set(READ)
    host.unhealthy = lambda service, environment: crash() if service == "icons" else False
    outcome, _error = run(ON, pull=False)
    assert (outcome["changed"], outcome["restarted"]) == (False, False)


@pytest.mark.parametrize("faulty", ["docker-compose.yml", "docker-compose.override.yml"])
@pytest.mark.parametrize(("said", "named"), [("yaml: line 3: no", False), ("validating {}/x: no", True)])
def test_the_compose_file_that_cannot_be_read_is_named(host, planned, monkeypatch, faulty, said, named):
    folder = host.bwdata / "docker"
    (folder / "docker-compose.override.yml").write_text("")
    said = said.format(folder).replace("/x:", f"/{faulty}:")

    def compose(arguments, environment):
        fails = arguments[0] == "config" and faulty in environment["COMPOSE_FILE"]
        return Result(15, "", f"{said}\n") if fails else Result(0, "", "")

    monkeypatch.setattr(host, "_compose", compose)
    with pytest.raises(DeploymentError, match=re.escape(said)) as caught:
        planned()
    assert (f"The fault is in {folder}/{faulty}." in str(caught.value)) is not named


@pytest.mark.parametrize("state", ["started", "restarted"])
def test_a_script_that_does_nothing_is_not_believed(host, run, state):
    host.start().script_does_nothing = True
    _outcome, error = run(ON, state=state)
    assert not error
    assert host.done == ["script restart", *(["up all"] if state == "restarted" else ["up", "restart nginx"])]
    assert host.containers["api"]["environment"][CLOUD] == "true"


def test_a_restart_that_was_asked_for_must_have_happened(host, run):
    host.start().script_does_nothing = True
    outcome, error = run(state="restarted")
    assert (error, host.done) == ("", ["script restart", "up all"])
    assert "services as they were" in outcome["warnings"][0]


def test_without_pull_compose_does_it_and_nginx_is_restarted(host, run):
    host.start()
    _outcome, error = run(ON, pull=False)
    assert not error
    assert host.done == ["up", "restart nginx"]
    host.done.clear()
    assert not run(state="restarted", pull=False)[1]
    assert host.done == ["up all"]


def crashes_on(value):
    return lambda environment: environment.get(CLOUD) == value


def test_settings_that_stop_services_are_rolled_back_and_the_server_is_running_again(host, run):
    host.start().crashes = crashes_on("true")
    before = settings(host)
    outcome, error = run(ON, backup=True)
    assert outcome["rolled_back"] is True
    assert "api crash-loops (3 restarts)" in error and "rolled back; the server is running" in error
    assert settings(host) == before
    assert host.done == ["script restart", "up", "restart nginx"]
    assert host.containers["api"]["state"] == "running"
    assert Path(outcome["backup_file"]).exists()
    assert "Canary" not in error + json.dumps(outcome), "a secret was shown"


def test_a_rollback_that_does_not_help_says_so(host, run):
    host.start().crashes = lambda environment: True
    outcome, error = run(ON)
    assert outcome["rolled_back"] is True
    assert "were rolled back, but then: " in error


def test_without_rollback_the_settings_stay(host, run):
    host.start().crashes = crashes_on("true")
    outcome, error = run(ON, rollback=False)
    assert outcome["rolled_back"] is False
    assert "Communication=true" in settings(host)
    assert "left in place" in error


def test_what_the_run_did_not_write_is_left_and_named(host, run):
    host.start().crashes = crashes_on("true")
    path = host.bwdata / "env" / "global.override.env"
    path.write_text(settings(host).replace("false", "true"))
    outcome, error = run()
    assert outcome["rolled_back"] is False
    assert f"these have changed: api ({CLOUD}), identity ({CLOUD})" in error
    assert "Communication=true" in settings(host)


def test_unhealthy_on_current_settings_is_waited_for_and_not_restarted(host, run):
    host.start().unhealthy = lambda service, environment: service == "mssql"
    outcome, error = run(wait_timeout=20.0)
    assert "Not healthy after 20s: mssql does not answer" in error
    assert (outcome["changed"], host.done) == (False, [])
    assert not run(wait=False)[1]


def test_still_stale_after_a_restart_fails_once(host, run, monkeypatch):
    host.start()
    monkeypatch.setattr(host, "_up", lambda everything=False, only=None: None)
    monkeypatch.setattr(
        host, "_script", lambda command: host.done.append("script") or Result(0, "CanaryInstallationKey\n", "")
    )
    _outcome, error = run(ON, rollback=False)
    assert "Still not on the settings in the files after the restart: api" in error
    assert "Canary" not in error
    assert host.done == ["script"]


def test_stop_takes_down_what_the_script_leaves(host, run):
    host.start()
    for service in READ:
        if service != "api":
            host.containers.pop(service)
    outcome, error = run(state="stopped")
    assert (error, host.done, host.containers) == ("", ["script stop", "down"], {})
    assert (outcome["changed"], outcome["restarted"]) == (True, False)


@pytest.mark.parametrize("name", [CLOUD, CLOUD.upper(), CLOUD.replace("__", ":")])
def test_a_setting_that_compose_hides_is_refused_and_named(host, planned, name):
    host.start().compose_environment["api"] = {name: "false"}
    with pytest.raises(StateError, match=r"docker-compose\.yml, which shadows it for api"):
        planned(ON)
    host.compose_environment["api"] = {name: "true"}
    assert planned(ON).changed


@pytest.mark.parametrize(
    "content", [f"{CLOUD}=false\n".encode(), b"# gr\xf6\xdfe\nA=1\n", b"no env file\n", b"A='\n", b"\0"]
)
def test_an_env_file_that_compose_does_not_read_counts_for_nothing(host, planned, content):
    host.start()
    for name in ("old-global.override.env", "copy of global.override.env", "other.env"):
        (host.bwdata / "env" / name).write_bytes(content)
    assert planned(ON).changed
    host.compose_environment["api"] = {CLOUD: "false"}
    with pytest.raises(StateError, match=r"is set in \S+docker-compose\.yml, which shadows it for api"):
        planned(ON)


def test_an_env_file_elsewhere_that_compose_reads_is_named(host, planned, tmp_path):
    (tmp_path / "more.env").write_text(f"{CLOUD}=false\n")
    host.read["api"] = [*READ["api"], str(tmp_path / "more.env")]
    host.start()
    with pytest.raises(StateError, match=r"is set in \S+/more\.env, which shadows it for api"):
        planned(ON)


def test_too_old_a_bitwarden_is_told(host, planned):
    host.version = "2023.1.0"
    with pytest.raises(DeploymentError, match=r"Bitwarden 2023\.1\.0 is too old"):
        planned()
    host.version = "2023.2.0"
    assert planned().changed


def test_a_missing_script_is_told_where_it_is_needed(host, planned):
    (host.bwdata.parent / "bitwarden.sh").unlink()
    with pytest.raises(StateError, match=r"bitwarden\.sh does not exist"):
        planned()
    assert planned(pull=False).changed


PAGE = "<!DOCTYPE html>\n"


@pytest.mark.parametrize(
    ("prepare", "options", "is_refused"),
    [
        (lambda host: None, {}, True),
        (lambda host: host.start(), {"settings": ON}, True),
        (lambda host: host.start(), {"state": "restarted"}, True),
        (lambda host: host.start(), {"state": "stopped"}, True),
        (lambda host: host.start(), {}, False),
        (lambda host: None, {"state": "stopped"}, False),
        (lambda host: host.start(), {"settings": ON, "pull": False}, False),
        (lambda host: host.start(), {"state": "stopped", "pull": False}, False),
    ],
)
def test_a_broken_script_is_refused_in_planning_where_it_would_be_called(host, planned, prepare, options, is_refused):
    prepare(host)
    (host.bwdata.parent / "bitwarden.sh").write_text(PAGE)
    if not is_refused:
        planned(**options)
        return
    with pytest.raises(StateError, match=r"begins with '<!DOCTYPE html>'\. Replace it .* set pull to false"):
        planned(**options)
    assert host.done == []


def test_without_pull_a_stop_does_not_call_the_script(host, run):
    outcome, error = host.start() and run(state="stopped", pull=False)
    assert (error, host.done, host.containers) == ("", ["down"], {})
    assert outcome["changed"] is True


@pytest.mark.parametrize(
    ("command", "options", "words"),
    [
        ("restart", {"state": "restarted"}, "bitwarden.sh restart did not end within 7s and was killed and left"),
        ("up", {"pull": False}, "icons. The restart did not end within 7s and was killed; its last line: pulling"),
        ("down", {"state": "stopped", "pull": False}, "docker compose down did not end within 7s and was killed"),
    ],
)
def test_a_command_that_hangs_is_named_with_the_limit_of_the_user(host, planned, command, options, words):
    host.start().hangs = command
    host.containers = {} if command == "up" else host.containers
    found = planned(**options)
    try:
        warnings = apply(found, host.clock).warnings
    except StateError as error:
        warnings = [str(error)]
    assert words in warnings[0]
    assert host.limits[command] == 7.0


def test_a_broken_env_file_is_named_by_line_and_not_shown(host, planned):
    path = host.bwdata / "docker" / "global.env"
    path.write_text('A=1\nCANARY"x=2\n')
    with pytest.raises(Exception, match=r"global\.env, line 2") as caught:
        planned()
    assert "CANARY" not in str(caught.value)
