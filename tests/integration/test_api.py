# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API plugins against a real nginx with TLS, and what they need the host for: the log that tells the true cause."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest

from tests.support.fleet import api

from .ansible_run import ENVIRONMENTS, Run, playbook, task

HOST = "bw2"
CA_ON_HOST = "/var/tmp/ca-of-the-test.pem"
WRONG = "Canary0WrongBillingSyncToken00"
SHARED = {
    name: f"{{{{ bitwarden_{name} }}}}" for name in ("url", "client_id", "client_secret", "organization", "ca_path")
}
APPLY: Dict[str, Any] = {"billing_sync": {"billing_sync_token": "{{ fleet_token }}"}}
USERS = {
    "root": {"vars": {"ansible_user": "root"}},
    "become root": {"vars": {"ansible_user": "admin"}, "become": True},
    "become bitwarden": {
        "vars": {"ansible_user": "admin", "ansible_pipelining": False},
        "become": True,
        "become_user": "bitwarden",
    },
    "bitwarden": {"vars": {"ansible_user": "bitwarden"}},
}
pytestmark = pytest.mark.fleet


@pytest.fixture(scope="module")
def connected() -> Iterator[api.Host]:
    """Yield a host with cloud communication on."""
    host = api.host(HOST)
    host.reset()
    task("server", HOST, cloud_communication=True, region="US").ok()
    yield host
    host.execute("rm", "-f", CA_ON_HOST)
    host.reset()


@pytest.fixture
def host(connected: api.Host) -> api.Host:
    """Return the host without a connection, and its cloud without a fault."""
    connected.reset_data()
    return connected


def run(host: api.Host, *tasks: Dict[str, Any], core: str = "newest", options: Any = (), **play: Any) -> Run:
    """Run tasks (short name of the plugin: its options), whose shared options are ``module_defaults``."""
    user = play.pop("remote_user", None)
    body = {
        "hosts": HOST,
        "gather_facts": False,
        "module_defaults": {"group/selfhosted.bitwarden.api": SHARED},
        "tasks": [{f"selfhosted.bitwarden.{name}": given} for item in tasks for name, given in item.items()],
        **play,
    }
    # A variable: newer versions of ansible-core show the lines of the playbook around a task that fails.
    extra = {"wrong": WRONG, **({"ansible_user": user} if user else {})}
    done = playbook([body], *options, core=core, **extra)
    leaked = [
        name for name, secret in api.secrets().items() if secret in done.output or secret in json.dumps(done.tasks)
    ]
    assert not leaked
    assert WRONG not in done.output
    return done


def writes(host: api.Host) -> List[str]:
    """Return what the server was asked to change; a login is not a change."""
    asked: Any = host.control("requests")
    return [
        f"{item['method']} {item['path']}"
        for item in asked
        if item["method"] not in ("GET", "HEAD") and not item["path"].endswith("/connect/token")
    ]


def last_sync(host: api.Host) -> Any:
    return run(host, {"organization_info": {}}).ok().result(HOST, "organization_info")["last_license_sync"]


@pytest.mark.parametrize("core", ENVIRONMENTS)
@pytest.mark.parametrize("place", ["controller", "host"])
def test_the_flow_is_predicted_done_and_left_alone(host: api.Host, core: str, place: str) -> None:
    ca_path = CA_ON_HOST if place == "host" else "{{ bitwarden_ca_path }}"
    if place == "host":
        host.execute(
            "sh", "-c", 'cat > "$1"', "sh", ca_path, stdin=Path(host.variables["bitwarden_ca_path"]).read_bytes()
        )
    where = {"run_on": place, "ca_path": ca_path}
    apply = {**APPLY["billing_sync"], **where}
    flow = ({"billing_sync": apply}, {"license_sync": {"assume_ready": True, **where}}, {"organization_info": where})
    predicted = run(host, *flow, core=core, options=("--check", "--diff", "-vvvv")).ok()
    assert writes(host) == []
    real = run(host, *flow, core=core, options=("--diff", "-vvvv")).ok()
    for name in ("billing_sync", "license_sync"):
        assert predicted.result(HOST, name)["changed"] is real.result(HOST, name)["changed"] is True
    count = len(writes(host))
    assert count == 2
    assert run(host, *flow, core=core).ok().recap(HOST)["changed"] == 0
    assert len(writes(host)) == count
    assert real.result(HOST, "organization_info")["license"]["state"] == "ok"


def test_a_server_that_is_not_trusted(host: api.Host) -> None:
    done = run(host, {"organization_info": {"ca_path": "{{ omit }}"}})
    result = done.result(HOST, "organization_info")
    assert (result["layer"], done.status != 0) == ("tls", True)
    assert "certificate is not trusted" in result["msg"]
    assert writes(host) == []


def test_a_wrong_token_is_told_by_the_log_on_the_host(host: api.Host) -> None:
    """To any user who may read it; one run for all users."""
    token = {"selfhosted.bitwarden.billing_sync": {"billing_sync_token": "{{ wrong }}"}}
    users = [
        {"selfhosted.bitwarden.license_sync": {}, "name": name, "ignore_errors": True, **user}
        for name, user in USERS.items()
    ]
    done = run(host, options=("-vvvv",), tasks=[token, *users])
    for task_ in done.of(HOST, "license_sync"):
        result = task_.result
        assert (result.get("cause"), result["layer"], result["attempts"]) == ("billing_sync_token", "cloud", 1), task_
        assert "Invalid Billing Sync Key" in result["msg"]
    assert [task_.task for task_ in done.of(HOST, "license_sync")] == list(USERS)
    assert last_sync(host) is None


def test_a_user_who_may_not_read_the_log_gets_the_likely_causes(host: api.Host) -> None:
    flow = ({"billing_sync": {"billing_sync_token": "{{ wrong }}"}}, {"license_sync": {}})
    result = run(host, *flow, remote_user="admin").result(HOST, "license_sync")
    assert result["cause"] == "unknown"
    assert "which was not read (" in result["msg"]
    assert "Likely causes" in result["msg"]


def test_the_module_on_the_host_reads_the_log_itself(host: api.Host) -> None:
    where = {"run_on": "host", "validate_certs": False, "ca_path": "{{ omit }}"}
    flow = ({"billing_sync": {"billing_sync_token": "{{ wrong }}", **where}}, {"license_sync": where})
    result = run(host, *flow, options=("-vvvv",)).result(HOST, "license_sync")
    assert result["cause"] == "billing_sync_token"


CLOUD_CAUSES = {
    "no_subscription": ("organization", {"subscription": "none"}),
    "payment": ("organization", {"subscription": "payment"}),
    "license_key": ("organization", {"license_key": "Canary0OtherKey"}),
    "installation_credentials": ("installation", {"enabled": False}),
}


@pytest.mark.parametrize("cause", CLOUD_CAUSES)
def test_what_is_wrong_in_the_cloud_is_told(host: api.Host, cause: str) -> None:
    what, changed = CLOUD_CAUSES[cause]
    cloud_organization = (
        run(host, APPLY).ok().result(HOST, "billing_sync")["connection"]["after"]["cloud_organization_id"]
    )
    identifier = cloud_organization if what == "organization" else host.data.installation["id"]
    host.cloud.control(what, {what: identifier, **changed})
    assert run(host, {"license_sync": {}}).result(HOST, "license_sync")["cause"] == cause
    assert last_sync(host) is None


def test_a_cloud_that_is_down_is_waited_for(host: api.Host) -> None:
    run(host, APPLY).ok()
    fault = {
        "service": "any",
        "method": "ANY",
        "path": "/licenses/organization/.*",
        "times": 2,
        "status": 503,
        "body": "",
    }
    host.cloud.control("faults", fault)
    result = run(host, {"license_sync": {"retry_timeout": "90s"}}).ok().result(HOST, "license_sync")
    assert (result["changed"], result["attempts"]) == (True, 3)


LOGIN_UNTIL_REFUSED = """
import ssl, sys, time, urllib.error, urllib.request
insecure = ssl._create_unverified_context()
for count in range(1, 100):
    try:
        urllib.request.urlopen(sys.argv[1] + "/connect/token", data=b"", timeout=10, context=insecure)
    except urllib.error.HTTPError as answer:
        if answer.code == 429 and int(answer.headers["Retry-After"]) > 5:  # a minute's, not a second's
            sys.exit(print(count))
    time.sleep(0.3)
"""


def test_the_limit_of_the_cloud_is_waited_out(host: api.Host) -> None:
    """Whoever shares the host's address has used up the minute's logins; its own is one too many, and yet done."""
    run(host, APPLY).ok()
    host.cloud.limiter(scale=0.4)  # a minute of 24 seconds
    identity = f"https://identity.bitwarden.{'eu' if host.region == 'eu' else 'com'}"
    assert int(host.execute("python3", "-c", LOGIN_UNTIL_REFUSED, identity)) > 10
    done = run(host, {"license_sync": {"force": True, "retry_timeout": "180s"}}).ok()
    result = done.result(HOST, "license_sync")
    assert result["changed"] is True
    assert result["attempts"] > 1  # how many depends on how much of the minute was left: the server does not tell


def test_an_api_that_starts_is_waited_for(host: api.Host) -> None:
    host.docker("restart", "-t", "1", "bitwarden-api")
    result = run(host, {"organization_info": {"wait_timeout": "60s"}}).ok().result(HOST, "organization_info")
    assert result["reachable"] is True
