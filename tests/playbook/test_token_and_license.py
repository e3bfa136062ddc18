# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fetch for each cloud organization in a run, whoever is missing; the license by hand; preflight; offline."""

from __future__ import annotations

import json

import pytest

from .test_families_sync import GONE, INFO, STEADY, host

TOKEN = "token-from-the-cloud"
FETCHED = {"changed": False, "billing_sync_token": TOKEN}
NO_OWNER = {"failed": True, "msg": "The account is no owner."}
SERVER = {**STEADY["server"], "installation_id": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"}


def member(organization="one", **steps):
    """A host of a cloud organization, with its token to be fetched."""
    return {
        **host(**{"billing_sync_token": FETCHED, **steps}),
        "bitwarden_cloud_client_id": "user.1",
        "bitwarden_cloud_organization": organization,
    }


def fetchers(run):
    """Who fetched, each as often as it did (hosts run side by side: the order says nothing)."""
    return sorted(name for name, step, _arguments in run.calls if step == "billing_sync_token")


def tokens(run):
    return {name: arguments["billing_sync_token"] for name, step, arguments in run.calls if step == "billing_sync"}


@pytest.mark.parametrize("serial", ["100%", 1, [1, "100%"]])
def test_one_fetch_for_each_organization_in_a_run(play, serial):
    other = member("two", billing_sync_token={**FETCHED, "billing_sync_token": "another-token"})
    run = play({"bw1": member(), "bw2": other, "bw3": member(), "bw4": member("two")}, bitwarden_serial=serial)
    assert run.status == 0, run.output
    assert fetchers(run) == ["bw1", "bw2"]
    assert tokens(run) == {"bw1": TOKEN, "bw2": "another-token", "bw3": TOKEN, "bw4": "another-token"}
    assert TOKEN not in run.output


@pytest.mark.parametrize("serial", ["100%", 2])
@pytest.mark.parametrize("missing", [
    GONE, host(server={"failed": True, "msg": "no engine"}), host(organization_info={"failed": True, "msg": "down"}),
], ids=["unreachable", "server failed", "api down"])  # fmt: skip
def test_the_next_host_fetches_where_the_first_is_missing(play, missing, serial):
    run = play({"bw1": {**member(), **missing}, "bw2": member(), "bw3": member()}, bitwarden_serial=serial)
    assert fetchers(run) == ["bw2"]
    assert tokens(run) == {"bw2": TOKEN, "bw3": TOKEN}
    assert [run.recap(name)["failed"] for name in ("bw1", "bw2", "bw3")] == [1, 0, 0]


@pytest.mark.parametrize("serial", ["100%", 2])
def test_a_failed_fetch_hits_the_hosts_of_that_organization_alone(play, serial):
    bad = member(billing_sync_token=NO_OWNER)
    run = play({"bw1": bad, "bw2": member("two"), "bw3": member(), "bw4": member("two")}, bitwarden_serial=serial)
    assert fetchers(run) == ["bw1", "bw2"], "nobody asks again"
    assert tokens(run) == {"bw2": TOKEN, "bw4": TOKEN}
    assert "The account is no owner." in run.row("bw1")[-1]
    assert "The account is no owner." in run.row("bw3")[-1] or "fetched by bw1" in run.row("bw3")[-1]
    assert run.row("bw2")[-1] == run.row("bw4")[-1] == ""


def test_a_token_given_by_hand_is_not_fetched(play):
    run = play({"bw1": {**member(), "bitwarden_billing_sync_token": "by-hand"}, "bw2": member()})
    assert fetchers(run) == ["bw2"]
    assert tokens(run) == {"bw1": "by-hand", "bw2": TOKEN}


@pytest.mark.parametrize(("extra", "state", "max_age"), [
    ({}, "present", None),
    ({"bitwarden_token_max_age": "90d"}, "present", None),
    ({"bitwarden_rotate": True}, "rotated", None),
    ({"bitwarden_rotate": True, "bitwarden_token_max_age": "90d"}, "rotated", "90d"),
])  # fmt: skip
def test_rotation_only_on_request(play, extra, state, max_age):
    run = play({"bw1": member()}, **extra)
    arguments = run.arguments("bw1", "billing_sync_token")
    assert (arguments["state"], arguments.get("max_age")) == (state, max_age)


def test_check_mode_predicts_with_a_token_that_is_not_made_yet(play):
    run = play({"bw1": member(billing_sync_token={"changed": True, "billing_sync_token": None})}, "--check")
    assert run.status == 0, run.output
    assert tokens(run) == {"bw1": "predicted"}
    assert run.row("bw1")[-2] == "yes"


def test_hosts_of_different_clouds_do_not_share(play):
    run = play({"bw1": member(), "bw2": {**member(), "bitwarden_region": "EU"}})
    assert fetchers(run) == ["bw1", "bw2"]
    assert run.arguments("bw1", "billing_sync_token")["cloud"] == "us"
    assert run.arguments("bw2", "billing_sync_token")["cloud"] == "eu"


BROKEN = {**INFO, "license": {"state": "missing_or_corrupt", "expires": None}}
NEVER = {**INFO, "last_license_sync": None, "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z"}}
GOOD = {**INFO, "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z"}}


@pytest.mark.parametrize(("info", "variables", "steps"), [
    (GOOD, {}, []),
    (BROKEN, {}, []),
    (BROKEN, {"bitwarden_license": "none", "bitwarden_license_file": "any.json"}, []),
    (GOOD, {"bitwarden_license_file": "any.json"}, ["license"]),
    (GOOD, {"bitwarden_license": "file", "bitwarden_license_file": "any.json"}, ["license"]),
    (GOOD, {"bitwarden_license": "cloud"}, []),
    (BROKEN, {"bitwarden_license": "cloud"}, ["cloud_license", "license"]),
    (NEVER, {"bitwarden_license": "cloud"}, ["cloud_license", "license"]),
])  # fmt: skip
def test_license_by_hand(play, info, variables, steps):
    fake = host(server=SERVER, organization_info=info, cloud_license={"license": '{"licenseKey": "x"}'})
    run = play({"bw1": {**fake, **variables}})
    assert run.status == 0, run.output
    assert [step for step in run.steps("bw1") if step in ("cloud_license", "license")] == steps
    if steps:
        assert run.steps("bw1").index("license") < run.steps("bw1").index("billing_sync")
        arguments = run.arguments("bw1", "license")
        wanted = "content" if "cloud_license" in steps else "src"
        assert {name for name in ("src", "content") if name in arguments} == {wanted}
    if "cloud_license" in steps:
        assert run.arguments("bw1", "cloud_license")["installation_id"] == SERVER["installation_id"]


BLOCKED = {"ok": False, "problems": ["api.bitwarden.com cannot be reached from the container. Open the firewall."]}


@pytest.mark.parametrize(("mode", "asked", "goes_on"), [
    (None, True, True), ("warn", True, True), ("fail", True, False), ("skip", False, True),
])  # fmt: skip
def test_preflight(play, mode, asked, goes_on):
    variables = {} if mode is None else {"bitwarden_preflight": mode}
    run = play({"bw1": {**host(cloud_connectivity_info=BLOCKED), **variables}})
    assert ("cloud_connectivity_info" in run.steps("bw1")) == asked
    assert ("server" in run.steps("bw1")) == goes_on
    assert (run.status == 0) == goes_on
    if asked:
        assert "Open the firewall." in run.output
        assert "api.bitwarden.com cannot be reached" in run.row("bw1")[-1]
        assert run.row("bw1")[-1].startswith("warning: ") == goes_on


def test_a_host_that_the_preflight_cannot_reach_is_not_tried_again(play):
    run = play({"bw1": host(cloud_connectivity_info={"unreachable": True}), "bw2": host()})
    assert run.steps("bw1") == ["cloud_connectivity_info"]
    assert "no route to host" in run.row("bw1")[-1]
    assert run.row("bw2")[-1] == ""


def test_offline_asks_nothing_of_the_cloud(play):
    run = play({"bw1": {**member(server=SERVER), "bitwarden_offline": True, "bitwarden_license_file": "any.json"}})
    assert run.status == 0, run.output
    assert run.steps("bw1") == ["server", "organization_info", "license"]
    server = run.arguments("bw1", "server")
    assert (server["cloud_communication"], server["pull"]) == (False, False)


def test_families_license_leaves_the_cloud_alone(play):
    tasks = [
        {
            "ansible.builtin.import_role": {
                "name": "selfhosted.bitwarden.families_sync",
                "tasks_from": "families_license",
            }
        }
    ]
    fake = {**host(server=SERVER), "bitwarden_license_file": "any.json", "bitwarden_organization": "Home"}
    run = play({"bw1": fake}, what=[{"hosts": "all", "gather_facts": False, "tasks": tasks}])
    assert run.status == 0, run.output
    assert run.steps("bw1") == ["server", "organization_info", "license"]
    assert "cloud_communication" not in run.arguments("bw1", "server")


OVERDUE = {
    **INFO,
    "sponsorships": {"visible": 2, "last_sync": "2026-11-20T02:00:00Z", "overdue": True, "note": "Note."},
}
FAILURE = {"kind": "sponsorship", "message": "Request was refused.", "advice": "Copy the token again."}


@pytest.mark.parametrize(("log", "said"), [
    ({"failures": [FAILURE]}, "It failed: Request was refused."),
    ({"failures": []}, "Note."),
])  # fmt: skip
def test_overdue_sponsorships_are_explained_by_the_log(play, log, said):
    run = play({"bw1": host(organization_info={**OVERDUE, "organization": {"id": "7f2a"}}, sync_log_info=log)})
    assert run.status == 0, run.output
    assert run.arguments("bw1", "sync_log_info")["organization"] == "7f2a"
    assert run.row("bw1")[-3] == "2026-11-20 02:00 (overdue)"
    assert said in run.row("bw1")[-1]


def test_options_of_the_syncs_reach_their_steps(play):
    variables = {"bitwarden_egress": "office", "bitwarden_syncs_per_minute": 8, "bitwarden_retry_timeout": "10m"}
    run = play({"bw1": {**member(), **variables, "bitwarden_sponsorships_max_age": "30h"}})
    sync = run.arguments("bw1", "license_sync")
    # Old ansible-core makes a text of what comes out of a template; the module reads it as a number.
    assert (sync["egress"], int(sync["syncs_per_minute"]), sync["retry_timeout"]) == ("office", 8, "10m")
    assert run.arguments("bw1", "billing_sync_token")["retry_timeout"] == "10m"
    assert run.arguments("bw1", "organization_info")["sponsorships_max_age"] == "30h"


def test_nothing_secret_of_the_cloud_is_printed(play):
    secrets = {"bitwarden_cloud_client_secret": "cloud-api-key", "bitwarden_cloud_password": "correct-horse"}
    run = play({"bw1": {**member(), **secrets}, "bw2": {**member(), **secrets}}, "-vvv", "--diff")
    assert run.arguments("bw1", "billing_sync_token")["master_password"] == "correct-horse"
    assert not [secret for secret in (TOKEN, *secrets.values()) if secret in run.output]
    assert json.dumps(TOKEN) not in run.output
