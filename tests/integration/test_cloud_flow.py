# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the cloud to the hosts in one play: the token fetched once, rotated, recovered; license by file; offline."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List

import pytest

from tests.support.fleet import api, names

from .ansible_run import Run, playbook

PLAYBOOK = "selfhosted.bitwarden.families_sync"
SHARED = ["bw1", "bw2"]  # hosts of one organization in the US cloud
HOSTS = [*SHARED, "bw3"]
LIMIT = ("--limit", ",".join(HOSTS))
CONFIGURE = "families_sync_configure"
# What a task has changed, or module organization within one.
CHANGES = ("license", "token", "sync")
KEYS = {"billing_sync_token": "token", "last_license_sync": "sync"}


def token_on(host: api.Host) -> Any:
    """Return the billing sync token that the server holds."""
    state: Any = host.control("state")
    return [one["config"]["BillingSyncKey"] for one in state["connection"]]


def token_of(host: api.Host) -> Any:
    """Return the billing sync token that the cloud knows."""
    state: Any = host.cloud.control("state")
    organization = host.data.organization["cloud_id"]
    (found,) = [one for one in state["organization"] if one["id"] == organization]
    return found["api_keys"]["billing_sync"]["key"]


def asked(region: str, path: str) -> int:
    """Count how often a path of the cloud was asked since ``forget``."""
    requests: Any = api.cloud(region).control("requests")
    return sum(1 for one in requests if one["path"].endswith(path) and one["status"] == 200)


def forget() -> None:
    for region in names.CLOUDS:
        api.cloud(region).control("requests", method="DELETE")


def fetched(run: Run) -> List[str]:
    """Return whose variables were used; told with -v, as the result holds the tokens."""
    return re.findall(r"billing sync token with the variables of (\w+)", run.output)


def configured(run: Run, host: str) -> List[Dict[str, Any]]:
    """Return the results of module organization on a host, in order."""
    actions = (CONFIGURE, "organization")
    return [task.result for task in run.tasks if task.host == host and task.action.endswith(actions)]


def changed(run: Run, host: str) -> Dict[str, bool]:
    keys = {change["key"] for result in configured(run, host) for change in result.get("changes") or []}
    actions = configured(run, host)[-1]["status"]["actions"]
    return {
        "server": any(task.result.get("changed") for task in run.of(host, "server")),
        "billing_sync_token": bool({"token created", "token rotated"} & set(actions)),
        **{change: change in {KEYS.get(key, key) for key in keys} for change in CHANGES},
    }


@pytest.fixture
def fresh_hosts(fresh):
    return {name: fresh(name) for name in HOSTS}


@pytest.fixture
def unsynced_hosts(fleet):
    """Return hosts without a connection, never synced, on whatever settings the test before them left."""
    for name in HOSTS:
        fleet[name].reset_data()
    return {name: fleet[name] for name in HOSTS}


@pytest.mark.fleet
def test_tokens_from_two_clouds_in_one_play(fresh_hosts):
    forget()
    first = playbook(PLAYBOOK, *LIMIT, "-v").ok()
    assert sorted(fetched(first)) == ["bw1", "bw3"], "one fetch for each organization"
    assert (asked("us", "/organizations"), asked("eu", "/organizations")) == (1, 1)
    assert (asked("us", "/api-key"), asked("eu", "/api-key")) == (1, 1)
    for host in fresh_hosts.values():
        assert token_on(host) == [token_of(host)]
        assert changed(first, host.name)["token"] and changed(first, host.name)["sync"]
    assert not [name for name in HOSTS if "bitwarden_billing_sync_token" in fresh_hosts[name].variables], "by hand"

    installations = asked("us", "/connect/token")
    again = playbook(PLAYBOOK, *LIMIT).ok()
    for host in HOSTS:
        assert again.recap(host)["changed"] == 0
    # The owner's login; neither a sync nor the preflight of an unchanged run logs an installation in.
    assert asked("us", "/connect/token") == installations + 1


@pytest.mark.fleet
def test_rotation_reaches_every_host_and_the_next_run_heals_those_it_missed(unsynced_hosts, tmp_path):
    playbook(PLAYBOOK, *LIMIT).ok()
    first, second, other = (unsynced_hosts[name] for name in HOSTS)
    before, untouched = token_of(first), token_of(other)

    predicted = playbook(PLAYBOOK, "--limit", "bw1,bw2", "--check", "--diff", bitwarden_rotate=True).ok()
    assert token_of(first) == before, "check mode rotated"
    done = playbook(PLAYBOOK, "--limit", "bw1,bw2", bitwarden_rotate=True).ok()
    rotated = token_of(first)
    assert rotated != before and rotated not in done.output
    for host in (first, second):
        assert token_on(host) == [rotated]
        assert configured(done, host.name)[-1]["license_sync"]["due"] in ("forced", "never")
        assert changed(done, host.name) == changed(predicted, host.name)
        assert changed(done, host.name)["sync"]
    assert token_of(other) == untouched

    # The host that would fetch is gone while the token is rotated: the next one fetches, a later run recovers.
    gone = tmp_path / "gone.yml"
    variables = {"ansible_host": names.NOBODY, "ansible_ssh_timeout": 5}
    gone.write_text(json.dumps({"bitwarden": {"hosts": {"bw1": variables}}}))
    run = playbook(PLAYBOOK, "-v", "-i", str(gone), "--limit", "bw1,bw2", bitwarden_rotate=True)
    assert run.status != 0 and run.recap("bw2")["failed"] == 0
    assert fetched(run) == ["bw2"]
    assert token_on(second) == [token_of(first)] != [rotated]
    assert token_on(first) == [rotated], "not reached"

    recovered = playbook(PLAYBOOK, "--limit", "bw1,bw2").ok()
    assert token_on(first) == [token_of(first)]
    assert recovered.recap("bw2")["changed"] == 0
    assert changed(recovered, "bw1") == {**changed(done, "bw1"), "billing_sync_token": False}


@pytest.mark.fleet
def test_a_wrong_master_password_hits_one_organization(unsynced_hosts):
    run = playbook(PLAYBOOK, *LIMIT, "-v", "-e", '{"bitwarden_cloud_password": "not the password"}')
    assert run.status != 0
    assert sorted(fetched(run)) == ["bw1", "bw3"]
    (failing,) = run.of("bw1", CONFIGURE)
    failed = failing.result
    assert (failing.status, failed["step"]) == ("failed", "fetch") and "password" in failed["msg"]
    assert failed["msg"] in run.output, "the error can be read"
    assert "fetched by bw1" in run.output
    assert "not the password" not in run.output
    for name in HOSTS:
        assert token_on(unsynced_hosts[name]) == []


@pytest.mark.fleet
def test_offline_nothing_calls_out_and_the_license_comes_from_a_file(fresh, tmp_path):
    host = fresh("bw4")
    file = tmp_path / "license.json"
    download = {
        "cloud": "{{ bitwarden_cloud }}",
        "client_id": "{{ bitwarden_cloud_client_id }}",
        "client_secret": "{{ bitwarden_cloud_client_secret }}",
        "organization": "{{ bitwarden_cloud_organization }}",
        "ca_path": "{{ bitwarden_cloud_ca_path }}",
        "installation_id": host.data.installation["id"],
        "dest": str(file),
    }
    tasks = [{"selfhosted.bitwarden.cloud_license": download}]
    playbook([{"hosts": "bw4", "gather_facts": False, "tasks": tasks}]).ok()
    forget()
    # Whatever host or containers begin themselves, to anywhere: answers to the controller do not count.
    rules = [(chain, "-o", "eth0", "-m", "conntrack", "--ctstate", "NEW", "-j", "REJECT")
             for chain in ("OUTPUT", "FORWARD")]  # fmt: skip
    try:
        for rule in rules:
            host.execute("iptables", "-I", *rule)
        options = {"bitwarden_offline": True, "bitwarden_license_file": str(file)}
        first = playbook(PLAYBOOK, "--limit", "bw4", **options).ok()
        again = playbook(PLAYBOOK, "--limit", "bw4", **options).ok()
        refused = [host.execute("iptables", "-nvxL", chain, "1").split()[0] for chain, *_rest in rules]
        host.ssh(f"curl --max-time 2 http://{host.cloud.ip}/", check=False)
        counted = host.execute("iptables", "-nvxL", "OUTPUT", "1").split()[0]
    finally:
        for rule in rules:
            host.execute("iptables", "-D", *rule, check=False)
    assert changed(first, "bw4")["license"] and first.recap("bw4")["failed"] == 0
    assert again.recap("bw4")["changed"] == 0
    assert refused == ["0", "0"], "packets that began a connection to the outside"
    assert int(counted) > 0, "the firewall sees what is sent"
    requests: Any = api.cloud("us").control("requests")
    assert requests == [], "the controller asked the cloud"


@pytest.mark.fleet
def test_license_from_the_cloud_where_the_server_has_none(fresh):
    host = fresh("bw4")
    path = f"core/licenses/organization/{host.data.organization['id']}.json"
    host.execute("rm", f"{names.BWDATA}/{path}")
    run = playbook(PLAYBOOK, "--limit", "bw4", bitwarden_license="cloud").ok()
    assert all(changed(run, "bw4")[change] for change in CHANGES)
    assert json.loads(host.read(path))["LicenseKey"] == host.data.organization["license_key"]
    assert playbook(PLAYBOOK, "--limit", "bw4", bitwarden_license="cloud").ok().recap("bw4")["changed"] == 0
