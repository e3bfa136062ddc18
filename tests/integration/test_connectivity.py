# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module cloud_connectivity_info on hosts of the fleet: what blocks the containers is found and named."""

from __future__ import annotations

import json
import threading

import pytest

from tests.support.fleet import api, inventory

from .ansible_run import playbook

HOST = "bw4"
FILE = "env/global.override.env"
MODULE = "cloud_connectivity_info"
WAYS = ("api", "identity", "push")
# Where packets are dropped; elsewhere a busy machine may need the default.
QUICK = "3s"
pytestmark = pytest.mark.fleet


def info(host=HOST, user="root", options=(), **arguments):
    """Return the module's result, after seeing that it shows no secret and changes nothing."""
    tasks = [{f"selfhosted.bitwarden.{MODULE}": arguments}]
    play = {"hosts": host, "gather_facts": False, "tasks": tasks}
    run = playbook([play], "-vvv", *options, inventory=inventory.FILE, ansible_user=user).ok()
    for name, secret in api.secrets().items():
        assert secret not in run.output, f"{name} was shown"
    found = run.result(host, MODULE)
    assert found["changed"] is False
    assert all(check["advice"] for check in found["checks"] if not check["ok"])
    return found


def checks(found):
    return {(check["name"], check["from"]): check for check in found["checks"]}


def blocked(found, layer, *words):
    """Require every way from the container to end in this layer, and none from the host to do so."""
    by_name = checks(found)
    assert found["ok"] is False
    for way in WAYS:
        assert by_name[way, "host"]["ok"]
        check = by_name[way, "container"]
        assert (check["ok"], check["layer"], check["skipped"]) == (False, layer, False), check
        for word in words:
            assert word in check["detail"], check
    assert len(found["problems"]) == len(WAYS)
    return by_name["api", "container"]


def logins(cloud):
    asked = cloud.control("requests")
    return [one for one in asked if one["path"].endswith("/connect/token")]


def test_a_server_as_set_up(bw4):
    bw4.cloud.control("requests", method="DELETE")
    found = info()
    assert found["ok"], found["problems"]
    assert [check["skipped"] for check in found["checks"]] == [False] * 9
    assert found["installation"] == {
        "id": bw4.data.installation["id"], "known_in": "US", "enabled": True, "credentials_ok": True,
    }  # fmt: skip
    assert len(logins(bw4.cloud)) == 1


def test_without_root_there_is_less_detail(bw4):
    found = info(user="bitwarden")
    assert found["ok"], found["problems"]
    assert checks(found)["api", "container"]["detail"].startswith("wget of the image got status 200")
    assert "tell no more" in checks(found)["api", "container"]["detail"]


def test_without_root_and_programs_it_is_skipped(bw4):
    bw4.docker("exec", "bitwarden-api", "mv", "/usr/bin/wget", "/usr/bin/wget.away")
    try:
        found = info(user="bitwarden")
        assert found["ok"] and all(checks(found)[way, "container"]["skipped"] for way in WAYS)
        assert "become" in checks(found)["api", "container"]["advice"]
        # Root needs nothing of the image.
        assert not any(check["skipped"] for check in info()["checks"])
    finally:
        bw4.docker("exec", "bitwarden-api", "mv", "/usr/bin/wget.away", "/usr/bin/wget")


@pytest.mark.parametrize("user", ["root", "bitwarden"])
@pytest.mark.parametrize("mode", ["refuse", "drop"])
def test_firewall_for_the_containers_alone(bw4, user, mode):
    bw4.containers_network(mode)
    found = info(user=user, timeout=QUICK)
    assert "DOCKER-USER" in blocked(found, "tcp", "port 443" if user == "root" else "wget")["advice"]
    assert found["installation"]["credentials_ok"] is True


@pytest.mark.parametrize("user", ["root", "bitwarden"])
@pytest.mark.parametrize("mode", ["refuse", "drop"])
def test_names_fail_for_the_containers_alone(bw4, user, mode):
    bw4.containers_names(mode)
    blocked(info(user=user, timeout=QUICK), "dns", *(["127.0.0.11"] if user == "root" else []))


@pytest.mark.parametrize("user", ["root", "bitwarden"])
def test_a_proxy_is_needed(bw4, user):
    bw4.containers_network("refuse")
    proxy = bw4.containers_proxy("open")
    blocked(info(user=user, login=False), "tcp")
    found = info(user=user, settings={"HTTPS_PROXY": proxy}, login=False)
    assert found["ok"], found["problems"]
    check = checks(found)["api", "container"]
    assert ("through the proxy" if user == "root" else "wget of the image knows no proxy") in check["detail"]
    assert check["skipped"] == (user == "bitwarden")


def test_a_proxy_that_refuses_is_not_asked_by_wget(bw4):
    """Its answer, 403, would pass for one of push."""
    found = checks(info(user="bitwarden", settings={"HTTPS_PROXY": bw4.containers_proxy("deny")}, login=False))
    assert all(found[way, "container"]["skipped"] for way in WAYS)


def test_stack_down_and_a_proxy_needed(bw4):
    """The host's own way says nothing of a server that goes through its proxy."""
    bw4.script("stop")
    bw4.cloud.stop()
    try:
        found = info(settings={"HTTPS_PROXY": "http://proxy.test:3128"})
    finally:
        bw4.cloud.start()
    check = checks(found)["api", "host"]
    assert (check["ok"], found["ok"]) == (False, True), found["problems"]
    assert "goes through its proxy proxy.test port 3128" in check["advice"]


def test_the_proxy_that_the_container_runs_with_is_used(bw4):
    proxy = bw4.containers_proxy("deny")
    bw4.write(FILE, bw4.read(FILE) + f"HTTPS_PROXY={proxy}\nNO_PROXY=push.bitwarden.com\n")
    bw4.docker("compose", "--project-directory", "/opt/bitwarden/bwdata/docker", "up", "--detach", "api")
    by_name = checks(info(login=False))
    assert by_name["api", "container"]["layer"] == by_name["identity", "container"]["layer"] == "proxy"
    assert by_name["push", "container"]["ok"] and by_name["api", "host"]["ok"]
    # Without it on the wanted settings it is not asked any more.
    assert info(login=False, settings={"HTTPS_PROXY": None})["ok"]


@pytest.mark.parametrize(
    ("mode", "login", "words"), [("deny", "", "refuses this name"), ("login", "", "asks for user and password"),
                                 ("login", "fleet:fleet@", "")]
)  # fmt: skip
def test_a_proxy_says_no(bw4, mode, login, words):
    proxy = bw4.containers_proxy(mode).replace("//", f"//{login}")
    found = info(secret_settings={"HTTPS_PROXY": proxy}, login=False)
    if words:
        blocked(found, "proxy", words)
    else:
        assert found["ok"], found["problems"]
    assert "fleet:fleet" not in json.dumps(found)


def test_intercepted_tls(bw4):
    authority = bw4.containers_tls("intercept")
    check = blocked(info(), "tls", "Fleet TLS Inspection")
    assert "bwdata/ca-certificates" in check["advice"]
    # The wget of this image looks at no certificate (that of the real ones does), and that is said.
    check = checks(info(user="bitwarden"))["api", "container"]
    assert check["ok"] and "without looking at the certificate" in check["detail"]
    # The advice mends it.
    bw4.write("ca-certificates/firewall.crt", authority)
    bw4.docker("restart", "--time", "2", "bitwarden-api")
    found = info()
    assert found["ok"], found["problems"]


def test_wrong_region(bw4):
    found = info(region="EU")
    assert found["installation"]["known_in"] == "US" and found["region"] == "EU"
    (problem,) = found["problems"]
    assert "not known in EU, but it is in US" in problem and "Set region to US" in problem
    assert checks(found)["credentials", "host"]["skipped"]


def test_disabled_installation(bw4):
    bw4.cloud.control("installation", {"installation": bw4.data.installation["id"], "enabled": False})
    bw4.cloud.control("requests", method="DELETE")
    found = info()
    assert found["installation"]["enabled"] is False and found["installation"]["credentials_ok"] is None
    (problem,) = found["problems"]
    assert "disabled" in problem
    assert logins(bw4.cloud) == []


def test_wrong_key(bw4):
    bw4.cloud.control("installation", {"installation": bw4.data.installation["id"], "key": "another"})
    found = info()
    assert found["installation"]["enabled"] is True and found["installation"]["credentials_ok"] is False
    (problem,) = found["problems"]
    assert "key of the installation is not accepted" in problem
    right = info(secret_settings={"globalSettings__installation__key": "another"})
    assert right["ok"], right["problems"]


def test_wrong_id(bw4):
    found = info(settings={"globalSettings__installation__id": "11111111-2222-4333-8444-555555555555"})
    (problem,) = found["problems"]
    assert "nor found in another region" in problem
    assert found["installation"]["known_in"] is None


def test_first_run_in_the_eu_does_not_look_at_the_region_it_leaves():
    host = api.host("bw3")
    host.reset()
    try:
        before = info("bw3", login=False)
        assert [check["target"].rpartition("__")[2] for check in before["checks"] if check["name"] == "settings"] == [
            "identityUri", "apiUri", "pushRelayBaseUri",
        ]  # fmt: skip
        assert before["installation"]["known_in"] == "EU" and not before["ok"]
        api.cloud("us").stop()
        found = info("bw3", region="EU")
        assert found["ok"], found["problems"]
        assert found["installation"] == {**before["installation"], "credentials_ok": True}
    finally:
        api.cloud("us").start()
        host.reset()


def test_stack_down(bw4):
    bw4.script("stop")
    found = info()
    assert found["ok"], found["problems"]
    assert all(checks(found)[way, "container"]["skipped"] for way in WAYS)
    assert "the stack is down" in checks(found)["api", "container"]["detail"]


def test_the_cloud_is_down(bw4):
    bw4.cloud.stop()
    try:
        found = info()
        assert {checks(found)[way, where]["layer"] for way in WAYS for where in ("host", "container")} == {"tcp"}
        assert "DOCKER-USER" not in json.dumps(found)
    finally:
        bw4.cloud.start()


def test_limited_logins_are_no_problem(bw4):
    fault = {
        "service": "identity",
        "path": "/connect/token",
        "times": 1,
        "status": 429,
        "headers": {"Retry-After": "47"},
    }
    bw4.cloud.control("faults", fault)
    found = info()
    assert found["ok"] and checks(found)["credentials", "host"]["skipped"]


def test_an_unchanged_server_is_not_looked_at(bw4):
    task = {"selfhosted.bitwarden.server": {"cloud_communication": True, "pull": False}}
    playbook([{"hosts": HOST, "gather_facts": False, "tasks": [task]}], inventory=inventory.FILE).ok()
    bw4.cloud.control("requests", method="DELETE")
    found = info(unless_current=True, cloud_communication=True, region="US")
    assert (found["current"], found["checks"], found["ok"]) == (True, [], True)
    assert bw4.cloud.control("requests") == []
    assert info(unless_current=True, region="US", options=["--check"])["current"]
    assert not info(unless_current=True, settings={"HTTPS_PROXY": "http://proxy.test"}, login=False)["current"]


def test_the_key_is_in_no_process_list_and_no_log(bw4):
    fault = {"service": "identity", "path": "/connect/token", "times": 1, "delay": 2}
    bw4.cloud.control("faults", fault)
    seen, done = [], threading.Event()

    def watch():
        while not done.is_set():
            seen.append(bw4.execute("sh", "-c", "cat /proc/[0-9]*/cmdline", check=False))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        found = info(secret_settings={"globalSettings__mail__smtp__password": "CanaryPassword"})
    finally:
        done.set()
        watching.join()
    key = bw4.data.installation["key"]
    assert found["installation"]["credentials_ok"] and len(seen) > 1
    assert not [text for text in seen if key in text or "CanaryPassword" in text]
    log = bw4.read("/var/log/syslog")
    assert MODULE in log and key not in log and "CanaryPassword" not in log
