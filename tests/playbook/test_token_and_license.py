# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One fetch for each cloud organization in a run, whoever is missing; the license by hand; preflight; offline."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from .pretend import INFO, STEADY
from .test_families_sync import GONE, host

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


COMPANY = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"


@pytest.mark.parametrize(("first", "second", "fetched"), [
    # An id is the same organization, whoever asks, and however cloud and id are written.
    ({"bitwarden_cloud_organization": COMPANY}, {"bitwarden_cloud_organization": COMPANY.upper()}, ["bw1"]),
    ({"bitwarden_cloud_organization": COMPANY, "bitwarden_cloud": "us"},
     {"bitwarden_cloud_organization": COMPANY, "bitwarden_cloud": "US"}, ["bw1"]),
    # A name can be that of another organization in the hands of another account.
    ({"bitwarden_cloud_organization": "Acme"}, {"bitwarden_cloud_organization": "Acme"}, ["bw1", "bw2"]),
], ids=["id", "cloud", "name"])  # fmt: skip
def test_owners_of_one_organization_share_where_its_id_is_given(play, first, second, fetched):
    run = play({"bw1": {**member(), **first}, "bw2": {**member(), **second, "bitwarden_cloud_client_id": "user.2"}})
    assert run.status == 0, run.output
    assert fetchers(run) == fetched


def test_hosts_that_name_one_organization_in_two_ways_do_not_undo_each_others_rotation(play):
    """They fetch one after the other, and rotate only a token that is older than the run."""
    hosts = {"bw1": member("Acme"), "bw2": member(COMPANY)}
    run = play(hosts, bitwarden_rotate=True)
    assert fetchers(run) == ["bw1", "bw2"]
    began = {run.arguments(name, "billing_sync_token")["rotated_before"] for name in hosts}
    assert len(began) == 1
    age = datetime.now(timezone.utc) - datetime.strptime(began.pop(), "%Y-%m-%dT%H:%M:%S%z")
    assert timedelta(0) < age < timedelta(minutes=5)


def test_plays_of_one_run_share_the_token_too(play):
    role = [{"ansible.builtin.import_role": {"name": "selfhosted.bitwarden.families_sync"}}]
    plays = [{"hosts": name, "gather_facts": False, "tasks": role} for name in ("bw1", "bw2:bw3")]
    run = play({"bw1": member(), "bw2": member(), "bw3": member("two")}, what=plays, bitwarden_rotate=True)
    assert run.status == 0, run.output
    assert fetchers(run) == ["bw1", "bw3"]
    assert set(tokens(run)) == {"bw1", "bw2", "bw3"}


def test_a_host_with_two_organizations_gives_each_its_own_token(play):
    """Who fetched for the first organization fetched for the second since; its token is not taken for the other's."""
    role = {"name": "selfhosted.bitwarden.families_sync"}
    tasks = [
        {"ansible.builtin.import_role": role, "vars": {"bitwarden_cloud_organization": "one"}},
        {"ansible.builtin.import_role": role, "vars": {"bitwarden_cloud_organization": "two"}},
    ]
    play_ = {"hosts": "all", "gather_facts": False, "serial": 1, "tasks": tasks}
    run = play({"bw1": member(), "bw2": member()}, what=[play_])
    assert run.status == 0, run.output
    assert fetchers(run) == ["bw1", "bw1", "bw2"], "bw1's token is the second organization's by then"


def test_the_license_comes_before_the_token(play):
    """A license that is refused must not leave a host without the token that was just rotated."""
    refused = {"failed": True, "msg": "expired"}
    run = play({"bw1": {**member(license=refused), "bitwarden_license_file": "any.json"}}, bitwarden_rotate=True)
    assert "license" in run.steps("bw1") and "billing_sync_token" not in run.steps("bw1")


@pytest.mark.parametrize(("options", "steps"), [
    (("--tags", "token"), ["billing_sync_token", "billing_sync"]),
    (("--tags", "billing_sync"), ["billing_sync_token", "billing_sync"]),
    (("--tags", "license_sync"), ["license_sync"]),
    (("--tags", "license"), ["organization_info", "server_info", "cloud_license", "license"]),
    (("--tags", "preflight"), ["cloud_connectivity_info"]),
    (("--tags", "server"), ["server"]),
    (("--tags", "wait"), ["organization_info"]),
    (("--skip-tags", "token"),
     ["cloud_connectivity_info", "server", "organization_info", "cloud_license", "license", "license_sync"]),
    (("--skip-tags", "server,preflight"),
     ["organization_info", "server_info", "cloud_license", "license", "billing_sync_token", "billing_sync",
      "license_sync"]),
])  # fmt: skip
def test_steps_by_tags(play, options, steps):
    """No tag fetches (or rotates) a token without saving it."""
    fake = member(server=SERVER, server_info=SERVER, organization_info=BROKEN, cloud_license={"license": "{}"})
    run = play({"bw1": {**fake, "bitwarden_license": "cloud"}}, *options)
    assert run.status == 0, run.output
    assert run.steps("bw1") == steps


@pytest.mark.parametrize("variables", [{}, {"bitwarden_license_file": ""}])
def test_a_license_file_that_is_not_named(play, variables):
    run = play({"bw1": {**host(), "bitwarden_license": "file", **variables}})
    assert "bitwarden_license_file is not set" in run.row("bw1")[-1]
    assert play({"bw1": {**host(), **variables}}).status == 0


BROKEN = {**INFO, "license": {"state": "missing_or_corrupt", "expires": None}}
NEVER = {**INFO, "last_license_sync": None, "license": {"state": "ok", "expires": "2027-12-28T00:00:00Z"}}


def state(name):
    """A server that has synced, with its license in a state."""
    return {**INFO, "license": {"state": name, "expires": "2027-12-28T00:00:00Z"}}


GOOD = state("ok")


@pytest.mark.parametrize(("info", "variables", "steps"), [
    (GOOD, {}, []),
    (BROKEN, {}, []),
    (BROKEN, {"bitwarden_license": "none", "bitwarden_license_file": "any.json"}, []),
    (GOOD, {"bitwarden_license_file": "any.json"}, ["license"]),
    (GOOD, {"bitwarden_license": "file", "bitwarden_license_file": "any.json"}, ["license"]),
    (GOOD, {"bitwarden_license": "cloud"}, []),
    (state("expiring"), {"bitwarden_license": "cloud"}, []),
    (state("grace"), {"bitwarden_license": "cloud"}, []),
    (state("expired"), {"bitwarden_license": "cloud"}, ["cloud_license", "license"]),
    (state("unknown"), {"bitwarden_license": "cloud"}, ["cloud_license", "license"]),
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


@pytest.mark.parametrize("more", [{}, {"bitwarden_license": "cloud"}, {"bitwarden_license": "none"}])
def test_offline_asks_nothing_of_the_cloud(play, more):
    offline = {"bitwarden_offline": True, "bitwarden_license_file": "any.json", **more}
    run = play({"bw1": {**member(server=SERVER, organization_info=BROKEN), **offline}})
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


NEVER_SYNCED = {**INFO, "sponsorships": {"visible": 1, "last_sync": None, "overdue": False, "note": "Note."}}


@pytest.mark.parametrize(("info", "log", "cell", "said"), [
    (OVERDUE, [FAILURE], "2026-11-20 02:00 (overdue)", "is overdue. It failed: Request was refused."),
    (OVERDUE, [], "2026-11-20 02:00 (overdue)", "Note."),
    # The first daily sync may be to come, or have failed from the first day on: only the log tells.
    (NEVER_SYNCED, [FAILURE], "never", "were never synced. It failed: Request was refused."),
    (NEVER_SYNCED, [], "never", ""),
])  # fmt: skip
def test_sponsorships_that_are_not_synced_are_explained_by_the_log(play, info, log, cell, said):
    steps = {"organization_info": {**info, "organization": {"id": "7f2a"}}, "sync_log_info": {"failures": log}}
    run = play({"bw1": host(**steps)})
    assert run.status == 0, run.output
    assert run.arguments("bw1", "sync_log_info")["organization"] == "7f2a"
    assert run.row("bw1")[-3] == cell
    assert said in run.row("bw1")[-1] and bool(run.row("bw1")[-1]) is bool(said)


@pytest.mark.parametrize("log", [{"failed": True, "msg": "no engine"}, {"unreachable": True}])
def test_a_log_that_cannot_be_read_stops_nothing(play, log):
    run = play({"bw1": host(organization_info={**OVERDUE, "organization": {"id": "7f2a"}}, sync_log_info=log)})
    assert run.status == 0, run.output
    assert run.steps("bw1")[-2:] == ["billing_sync", "license_sync"]
    assert "is overdue. Note." in run.row("bw1")[-1]


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
