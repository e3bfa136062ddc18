# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API plugins as ansible-playbook runs them, on the oldest and the newest ansible-core."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible_run import Run, playbook

from .standin_pair import CANARIES, NAME, ORGANIZATION, OWNER, OWNER_KEY, TOKEN, WRONG_TOKEN, Pair

KEY = {"BW_CLIENTID": f"user.{OWNER}", "BW_CLIENTSECRET": OWNER_KEY}
CORES = pytest.mark.parametrize("core", ["oldest", "newest"])


def inventory(folder: Path, **variables: Any) -> Path:
    """Write the inventory of one host, ``vault``, which is this machine unless the variables say otherwise."""
    own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **variables}
    path = folder / "hosts.json"
    path.write_text(json.dumps({"all": {"hosts": {"vault": own}}}))
    return path


def play(*tasks: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    """Return a play whose shared options come from ``module_defaults`` of the action group."""
    shared = {"url": "{{ url }}", "client_id": "{{ id }}", "client_secret": "{{ secret }}"}
    return [
        {
            "hosts": "all",
            "gather_facts": False,
            "module_defaults": {"group/selfhosted.bitwarden.api": shared},
            "tasks": [dict(task) for task in tasks],
            **more,
        }
    ]


def run(pair: Pair, folder: Path, plays: Any, *options: str, **more: Any) -> Run:
    extra = {"url": pair.server.url, "id": f"user.{OWNER}", "secret": OWNER_KEY, "token": TOKEN, "wrong": WRONG_TOKEN}
    extra["portal"] = PORTAL_KEY
    if "inventory" not in more:
        more["inventory"] = inventory(folder)
    done = playbook(plays, *options, **{**extra, **more})
    leaked = [canary for canary in (*CANARIES, PORTAL_KEY) if canary in done.output or canary in json.dumps(done.tasks)]
    assert not leaked
    return done


PORTAL_KEY = "CanaryPortalKey00001"
FLOW = play(
    {"selfhosted.bitwarden.billing_sync": {"billing_sync_token": "{{ token }}", "assume_ready": True}},
    {"selfhosted.bitwarden.license_sync": {"assume_ready": True}},
    {"selfhosted.bitwarden.organization_info": {"organization": NAME}},
)


@CORES
@pytest.mark.parametrize("place", ["controller", "host"])
def test_the_flow_predicted_done_and_done_again(pair: Pair, tmp_path: Path, core: str, place: str) -> None:
    plays = [dict(FLOW[0])]
    portal = {"status": 403, "body": "<title>Who are you?</title>", "times": -1, "unless": {"X-Portal": PORTAL_KEY}}
    pair.server.control("POST", "faults", {"service": "any", **portal})
    shared = {**FLOW[0]["module_defaults"]["group/selfhosted.bitwarden.api"], "run_on": place}
    shared["headers"] = {"X-Portal": "{{ portal }}"}
    plays[0]["module_defaults"] = {"group/selfhosted.bitwarden.api": shared}
    predicted = run(pair, tmp_path, plays, "--check", "--diff", "-vvvv", core=core).ok()
    assert pair.writes() == []
    assert predicted.recap("vault")["changed"] == 2
    assert "+billing_sync_token=********" in predicted.output
    assert "+last_license_sync=now" in predicted.output
    real = run(pair, tmp_path, plays, "--diff", "-vvvv", core=core).ok()
    assert real.recap("vault")["changed"] == 2
    assert [path for _rest, path in pair.writes()] == [
        "/organizations/connections",
        f"/organizations/licenses/self-hosted/{ORGANIZATION}/sync",
    ]
    facts = real.result("vault", "organization_info")
    assert facts["last_license_sync"] == real.result("vault", "license_sync")["last_license_sync"]["after"]
    assert facts["connection"]["billing_sync_token_set"] is True
    again = run(pair, tmp_path, plays, "--diff", core=core).ok()
    assert again.recap("vault")["changed"] == 0
    assert len(pair.writes()) == 2
    assert "[WARNING]" not in real.output + again.output


@CORES
@pytest.mark.parametrize("place", ["controller", "host"])
def test_the_key_comes_from_the_controllers_environment(pair: Pair, tmp_path: Path, core: str, place: str) -> None:
    """With run_on=host, too, where the environment has it not."""
    task = {"selfhosted.bitwarden.organization_info": {"url": "{{ url }}", "run_on": place}}
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
    done = run(pair, tmp_path, plays, "-vvvv", core=core, environment=KEY).ok()
    assert done.result("vault", "organization_info")["organization"]["id"] == ORGANIZATION


def test_a_diff_only_when_asked_for(pair: Pair, tmp_path: Path) -> None:
    for place in ("controller", "host"):
        pair.reset()
        task = {"selfhosted.bitwarden.billing_sync": {"billing_sync_token": "{{ token }}", "run_on": place}}
        result = run(pair, tmp_path, play(task)).ok().result("vault", "billing_sync")
        assert "diff" not in result, place


def test_become_and_an_unreachable_host_do_not_matter(pair: Pair, tmp_path: Path) -> None:
    plays = play({"selfhosted.bitwarden.organization_info": {}}, become=True, become_user="nobody-of-that-name")
    nowhere = inventory(tmp_path, ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    done = run(pair, tmp_path, plays, inventory=nowhere).ok()
    assert done.result("vault", "organization_info")["version"] == "2026.8.0"


@CORES
def test_a_failed_sync_on_an_unreachable_host_names_the_likely_causes(pair: Pair, tmp_path: Path, core: str) -> None:
    nowhere = inventory(tmp_path, ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    plays = play(
        {"selfhosted.bitwarden.billing_sync": {"billing_sync_token": "{{ wrong }}"}},
        {"selfhosted.bitwarden.license_sync": {}},
    )
    done = run(pair, tmp_path, plays, "-vvvv", inventory=nowhere, core=core)
    assert done.recap("vault") == {**done.recap("vault"), "failed": 1, "unreachable": 0, "changed": 1}
    result = done.result("vault", "license_sync")
    assert (result["cause"], result["layer"], result["status"]) == ("unknown", "cloud", 400)
    assert "which was not read (" in result["msg"]
    assert "Connection refused" in result["msg"]


BAD_OPTIONS: list[tuple[str, dict[str, Any], str]] = [
    ("billing_sync", {}, "state is present but all of the following are missing: billing_sync_token"),
    ("billing_sync", {"billing_sync_token": "{{ token }}", "state": "gone"}, "value of state must be one of"),
    ("billing_sync", {"billing_sync_token": "{{ token }} "}, "billing_sync_token has blanks"),
    ("organization_info", {"client_secret": "{{ secret }}x"}, "The server refused the login: invalid_client"),
    ("organization_info", {"client_id": "organization.1"}, "belongs to an organization's key"),
    ("organization_info", {"wait_timeout": "a while"}, "wait_timeout: 'a while' is not a duration"),
    ("organization_info", {"url": "vault"}, "url is not an address"),
    ("organization_info", {"organisation": "x"}, "organisation"),
    ("license_sync", {"max_age": "-1d"}, "max_age: '-1d' is not a duration"),
    ("license_sync", {"max_age": "7 days"}, "max_age: '7 days' is not a duration"),
    ("license_sync", {"retry_timeout": "x"}, "retry_timeout: 'x' is not a duration"),
    ("license_sync", {"ca_path": "/nowhere"}, "ca_path does not exist on the controller"),
]


@CORES
def test_bad_options_change_nothing(pair: Pair, tmp_path: Path, core: str) -> None:
    tasks = ({f"selfhosted.bitwarden.{action}": options, "ignore_errors": True} for action, options, _ in BAD_OPTIONS)
    done = run(pair, tmp_path, play(*tasks), "-vvvv", core=core).ok()
    assert len(done.tasks) == len(BAD_OPTIONS)
    for task, (action, _options, says) in zip(done.tasks, BAD_OPTIONS):
        assert task.action.endswith(action)
        assert task.status == "failed"
        assert says in task.result["msg"]
    assert pair.writes() == []


@pytest.mark.parametrize("place", ["controller", "host"])
def test_urllib3_is_missing(pair: Pair, tmp_path: Path, place: str) -> None:
    (tmp_path / "urllib3.py").write_text("raise ImportError('not here')\n")
    path = {"PYTHONPATH": str(tmp_path)}
    task = {"selfhosted.bitwarden.organization_info": {"run_on": place}, "environment": path if place == "host" else {}}
    done = run(pair, tmp_path, play(task), environment=path if place == "controller" else {})
    assert done.status != 0
    where = "on the controller" if place == "controller" else "where this task runs"
    assert f"The Python library urllib3 is missing {where}" in done.result("vault", "organization_info")["msg"]


@CORES
def test_urllib3_is_imported_once_in_a_run(pair: Pair, tmp_path: Path, core: str) -> None:
    """In the process that forks, so that no task on any host imports it again."""
    log = tmp_path / "imports"
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'urllib3':\n"
        f"            with open({str(log)!r}, 'a') as stream: stream.write(f'{{os.getpid()}}\\n')\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    own = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    hosts = tmp_path / "hosts.json"
    hosts.write_text(json.dumps({"all": {"hosts": {"first": own, "second": own}}}))
    task: dict[str, Any] = {"selfhosted.bitwarden.organization": {}}
    plays = play(task, {"selfhosted.bitwarden.organization_info": {}}, task)
    run(pair, tmp_path, plays, core=core, inventory=hosts, environment={"PYTHONPATH": str(tmp_path)}).ok()
    assert len(log.read_text().split()) == 1
