# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role and playbook with steps that only pretend: what only a run of Ansible shows, several things in each.

What is decided in Python is tested there: tests/unit/plugins/module_utils/_families_sync and tests/unit/plugins/filter.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from .pretend import ACCOUNT, ORGANIZATION, ROOT, STEADY

TOKEN = "token-from-the-cloud"
FETCHED = {"changed": False, "billing_sync_token": TOKEN}
ROLE = {"ansible.builtin.import_role": {"name": "selfhosted.bitwarden.families_sync"}}
COMPANY = "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003"


def host(**steps):
    """Return a host whose token is given by hand, with the results of its steps."""
    return {"fake": {**STEADY, **steps}, "bitwarden_billing_sync_token": "token-of-the-tests"}


def member(company="one", /, **steps):
    """Return a host of an organization in the cloud, whose token is fetched there."""
    return {
        "fake": {**STEADY, "billing_sync_token": FETCHED, **steps},
        "bitwarden_cloud_client_id": f"user.{ACCOUNT}",
        "bitwarden_cloud_organization": company,
    }


def failing(step, message):
    return {"organization": {**ORGANIZATION, "failed": True, "step": step, "msg": message}}


GOOD = host()
BAD = host(**failing("sync", "The cloud refused the token."))
GONE = host(server={"unreachable": True})
DISABLED = host(organization={**ORGANIZATION, "problems": ["The organization is disabled on the server."]})
LOST = member(server={"unreachable": True})


def fetchers(run):
    """Return who fetched, each as often as it did (hosts run side by side: the order says nothing)."""
    return sorted(name for name, step, _arguments in run.calls if step == "billing_sync_token")


def tokens(run):
    """Return the last token that each host was given."""
    return {
        name: arguments["billing_sync_token"]
        for name, step, arguments in run.calls
        if step == "organization" and "billing_sync_token" in arguments
    }


def switched(*keys):
    changes = [{"key": key, "action": "changed"} for key in keys]
    return {**STEADY["server"], "changed": True, "restarted": True, "changes": changes}


def test_an_unchanged_run(play):
    run = play({"bw1": member(), "bw2": member(), "bw3": BAD}, "--limit", "bw1,bw2")
    assert run.status == 0, run.output
    assert run.row("bw1") == ["bw1", "2026.8.0", "on", "set", "2026-11-22 14:16", "2027-12-28 00:00", "-", "no", ""]
    assert run.steps("bw1") == ["server", "billing_sync_token", "organization"]
    assert run.steps("bw2") == ["server", "organization"]
    for name in ("bw1", "bw2"):
        recap = run.recap(name)
        assert recap["changed"] == 0
        # What is done once counts for the first host: that there is a host, the check, the fetch, a skipped
        # second pass, and the report.
        assert recap["ok"] + recap["skipped"] <= {"bw1": 7, "bw2": 2}[name]
    assert "WARNING" not in run.output and "DEPRECATION" not in run.output
    assert "bw3" not in run.output


def test_bad_hosts_do_not_stop_the_others(play):
    """One that fails, and one that is down; no secret is printed."""
    run = play({"bw1": GOOD, "bw2": BAD, "bw3": GONE, "bw9": GOOD, "bw10": DISABLED}, "-vvv")
    assert run.status != 0
    assert run.row("bw1")[-1] == run.row("bw9")[-1] == ""
    assert run.row("bw2")[-1] == "Sync the license: The cloud refused the token."
    assert run.row("bw2")[1:3] == ["2026.8.0", "on"], "what is known of it"
    assert run.row("bw10")[-1] == "The organization is disabled on the server.", "although no step failed"
    assert run.row("bw3")[-1] == "Apply the settings: unreachable: no route to host"
    assert run.steps("bw3") == ["server"]
    assert [run.recap(name)["failed"] for name in ("bw1", "bw2", "bw3", "bw9", "bw10")] == [0, 1, 1, 0, 1]
    assert "token-of-the-tests" not in run.output


def test_a_first_batch_that_is_lost_stops_the_run(play):
    run = play({"bw1": GONE, "bw2": GONE, "bw3": GOOD}, bitwarden_serial=[2, "100%"])
    assert run.status != 0
    assert run.touched() == ["bw1", "bw2"]
    assert "no route to host" in run.row("bw1")[-1] and "no route to host" in run.row("bw2")[-1]
    assert run.row("bw3")[-1] == "not touched"
    assert run.recap("bw3")["failed"] == 0


def test_share_of_failures_that_stops_the_run(play):
    """A good canary, then a batch of which just the allowed share failed, then one of which more did."""
    hosts = {"bw1": GOOD, "bw2": GOOD, "bw3": BAD, "bw4": BAD, "bw5": GOOD, "bw6": BAD, "bw7": GOOD}
    run = play(hosts, bitwarden_serial=[1, 2, 3, 1], bitwarden_max_fail_percentage=50)
    assert run.status != 0
    assert run.touched() == ["bw1", "bw2", "bw3", "bw4", "bw5", "bw6"]
    assert run.row("bw7")[-1] == "not touched"


def test_the_table_comes_whatever_the_configuration(play):
    configuration = "[defaults]\nany_errors_fatal = true\nprivate_role_vars = true\n"
    run = play({"bw1": GOOD, "bw2": BAD, "bw3": GOOD}, configuration=configuration)
    assert run.status != 0
    assert run.row("bw2")[-1] == "Sync the license: The cloud refused the token."
    assert "not touched" not in run.row("bw1")[-1] + run.row("bw3")[-1]


def test_the_example_inventory_runs_and_shows_no_secret(play, tmp_path):
    """With secrets encrypted in place, one by one."""
    password = tmp_path / "password"
    password.write_text("example\n")
    fake = {**STEADY, "billing_sync_token": FETCHED}
    options = ("-vvv", "--diff", "--vault-password-file", str(password))
    run = play(ROOT / "docs/examples/inventory", *options, fake=fake)
    assert run.status == 0, run.output
    secrets = {
        str(value)
        for _host, step, arguments in run.calls
        for name, value in arguments.items()
        if name in ("client_secret", "master_password", "billing_sync_token")
    }
    secrets |= {
        run.arguments("vault-nyc.example.com", "server")["secret_settings"]["globalSettings__mail__smtp__password"]
    }
    assert len(secrets) >= 7 and not [secret for secret in secrets if secret in run.output]
    assert json.dumps(TOKEN) not in run.output


def test_a_fact_cache_does_not_make_a_run_take_an_earlier_one_for_its_own(play):
    cached = "[defaults]\nfact_caching = jsonfile\nfact_caching_connection = cache\n"
    for _run in range(2):
        run = play({"bw1": member(), "bw2": member()}, configuration=cached)
        assert run.status == 0, run.output
        assert fetchers(run) == ["bw1"]


def test_one_fetch_for_each_organization_in_a_run(play):
    """Whatever batches and plays there are."""
    other = {**FETCHED, "billing_sync_token": "another-token"}
    by_hand = {**member(), "bitwarden_billing_sync_token": "by-hand"}
    hosts = {
        "bw1": member(), "bw2": member("two", billing_sync_token=other), "bw3": member(), "bw4": member("two"),
        "bw5": by_hand, "bw6": {**member(), "bitwarden_region": "EU"},
        "bw7": {**member(), "bitwarden_cloud_client_id": f"user.{ACCOUNT[:-1]}2"},
        "bw8": {**host(), "bitwarden_license_file": __file__, "bitwarden_organization": "Home"},
        "bw9": member(), "bw10": member(),
    }  # fmt: skip
    two = [{**ROLE, "vars": {"bitwarden_cloud_organization": name}} for name in ("five", "six")]
    family = {"ansible.builtin.import_role": {**ROLE["ansible.builtin.import_role"], "tasks_from": "families_license"}}
    plays = [
        {"hosts": "bw1:bw2", "gather_facts": False, "tasks": [ROLE]},
        {"hosts": "bw3:bw4:bw5:bw6:bw7", "serial": [1, "100%"], "gather_facts": False, "tasks": [ROLE]},
        {"hosts": "bw8", "gather_facts": False, "tasks": [family]},
        {"hosts": "bw9:bw10", "serial": 1, "gather_facts": False, "tasks": two},
    ]
    run = play(hosts, "-vvv", what=plays)
    assert run.status == 0, run.output
    # A name can be another organization for another account, or in another cloud.
    assert [name for name in fetchers(run) if name not in ("bw9", "bw10")] == ["bw1", "bw2", "bw6", "bw7"]
    # A host with two organizations gives each its own token, and the next batch has both.
    assert [call["organization"] for call in run.all_arguments("bw9", "billing_sync_token")] == ["five", "six"]
    assert not run.all_arguments("bw10", "billing_sync_token")
    assert run.arguments("bw1", "billing_sync_token")["cloud"] == "us"
    assert run.arguments("bw6", "billing_sync_token")["cloud"] == "eu"
    assert tokens(run) == {
        "bw1": TOKEN, "bw2": "another-token", "bw3": TOKEN, "bw4": "another-token", "bw5": "by-hand", "bw6": TOKEN,
        "bw7": TOKEN, "bw9": TOKEN, "bw10": TOKEN,
    }  # fmt: skip
    assert TOKEN not in run.output
    # The license of a family does not ask the cloud.
    assert run.steps("bw8") == ["server", "organization"]
    assert "cloud_communication" not in run.arguments("bw8", "server")
    assert run.arguments("bw8", "organization")["steps"] == ["license"]
    assert run.arguments("bw8", "organization")["license"] == {"src": __file__}


def test_who_fetches_where_hosts_fail(play):
    """The next one where the first is missing; where a fetch fails, only the hosts of that organization fail."""
    hosts = {
        "bw1": LOST,
        "bw2": member("two", billing_sync_token={"failed": True, "msg": "The account is not an owner."}),
        "bw3": member(), "bw4": member("two"),
        "bw5": member("three", server={"failed": True, "msg": "no engine"}), "bw6": member("three"),
        "bw7": member(), "bw8": member("two"),
    }  # fmt: skip
    run = play(hosts, bitwarden_serial=4)
    assert fetchers(run) == ["bw2", "bw3", "bw6"], "nobody asks again"
    assert tokens(run) == {"bw3": TOKEN, "bw6": TOKEN, "bw7": TOKEN}
    failed = {name: run.recap(name)["failed"] for name in hosts}
    assert failed == {"bw1": 1, "bw2": 1, "bw3": 0, "bw4": 1, "bw5": 1, "bw6": 0, "bw7": 0, "bw8": 1}
    assert run.row("bw2")[-1] == "Fetch the billing sync token: The account is not an owner."
    problem = "Fetch the billing sync token: The billing sync token could not be fetched by bw2: The account is"
    assert run.row("bw4")[-1].startswith(problem) and run.row("bw8")[-1].startswith(problem)
    # The rest of its configuration is read all the same.
    assert run.row("bw4")[3] == "set" and run.arguments("bw4", "organization")["steps"] == []
    assert run.row("bw6")[-1] == ""


def test_rotation(play):
    """Once in a run, one after the other, after the licenses, and never by a host that fails before."""
    with_file = {"bitwarden_license_file": __file__}
    refused = failing("license", "The license has expired.")
    hosts = {
        # Both names are those of one organization.
        "bw1": {**member("Acme"), **with_file}, "bw2": member(COMPANY), "bw3": member(COMPANY),
        "bw4": {**member("two", **refused), **with_file},
        "bw5": member("three", **failing("read", "The server did not respond.")),
        "bw6": {**member("three"), "bitwarden_token_max_age": "90d"}, "bw7": member(COMPANY),
    }  # fmt: skip
    run = play(hosts, bitwarden_rotate=True, bitwarden_serial=[6, "100%"])
    assert fetchers(run) == ["bw1", "bw2", "bw6"]
    assert "The license has expired." in run.row("bw4")[-1] and "did not respond" in run.row("bw5")[-1]
    assert run.steps("bw1") == ["server", "organization", "billing_sync_token", "organization"]
    assert [call["steps"] for call in run.all_arguments("bw1", "organization")] == [["license"], ["token", "sync"]]
    assert [call["steps"] for call in run.all_arguments("bw3", "organization")] == [[], ["token", "sync"]]
    assert tokens(run) == dict.fromkeys(("bw1", "bw2", "bw3", "bw6", "bw7"), TOKEN)
    *rotations, by_age = [run.arguments(name, "billing_sync_token") for name in fetchers(run)]
    assert (by_age["state"], by_age["max_age"]) == ("rotated", "90d") and "rotated_before" not in by_age
    assert {call["state"] for call in rotations} == {"rotated"} and not any("max_age" in call for call in rotations)
    (began,) = {call["rotated_before"] for call in rotations}
    age = datetime.now(timezone.utc) - datetime.strptime(began, "%Y-%m-%dT%H:%M:%S%z")
    assert timedelta(0) < age < timedelta(minutes=5)


def test_check_mode(play):
    """What earlier steps would have done is taken as done, and only that."""
    predicted = {"changed": True, "billing_sync_token": None}
    off = {**ORGANIZATION, "cloud_communication": False}
    steps = {"server": switched("globalSettings__enableCloudCommunication"), "organization": off}
    hosts = {
        "bw1": member(billing_sync_token=predicted, **steps),
        "bw2": member("two"),
    }
    run = play(hosts, "--check")
    assert run.status == 0, run.output
    assert tokens(run) == {"bw1": "predicted", "bw2": TOKEN}
    assert run.arguments("bw1", "organization")["assume_ready"] is True
    assert run.arguments("bw2", "organization")["assume_ready"] is False
    assert [run.row(name)[2] for name in hosts] == ["on", "on"]
    assert [run.row(name)[-2] for name in hosts] == ["(settings, restart, token created)", "no"]
    assert "Check mode: nothing was changed." in run.output and "takes about a minute" in run.output


BLOCKED = {"ok": False, "problems": ["api.bitwarden.com cannot be reached from the container. Open the firewall."]}


def test_only_the_preflight(play):
    hosts = {
        "bw1": host(cloud_connectivity_info=BLOCKED),
        "bw2": {**host(cloud_connectivity_info=BLOCKED), "bitwarden_preflight": "fail"},
        "bw3": {**host(cloud_connectivity_info=BLOCKED), "bitwarden_preflight": "skip"},
        "bw4": host(cloud_connectivity_info={"unreachable": True}),
    }
    run = play(hosts, "--tags", "preflight")
    assert run.status != 0
    checked = ["cloud_connectivity_info"]
    assert [run.steps(name) for name in hosts] == [checked, checked, [], checked]
    assert run.row("bw1")[-1].startswith("warning: api.bitwarden.com cannot be reached from the container.")
    assert run.row("bw2")[-1].startswith("Require a reachable host and cloud: api.bitwarden.com cannot be reached")
    assert run.row("bw3")[-1] == ""
    assert "no route to host" in run.row("bw4")[-1]
    assert [run.recap(name)["failed"] for name in hosts] == [0, 1, 0, 1]


BROKEN = {**ORGANIZATION, "license": {"state": "corrupt", "expires": None}, "license_required": True}


@pytest.mark.parametrize(("options", "steps", "asked"), [
    (("--tags", "token"), ["billing_sync_token", "organization"], [["token"]]),
    (("--tags", "license"), ["organization", "server_info", "cloud_license", "organization"],
     [["license"], ["license"]]),
    (("--skip-tags", "token"), ["server", "organization", "cloud_license", "organization", "organization"],
     [["license", "sync"], ["license"], ["sync"]]),
])  # fmt: skip
def test_steps_by_tags(play, options, steps, asked):
    info = {"installation_id": STEADY["server"]["installation_id"]}
    license_ = BROKEN if "token" not in options or "--skip-tags" in options else ORGANIZATION
    fake = member(server_info=info, organization=license_, cloud_license={"license": '{"licenseKey": "x"}'})
    run = play({"bw1": {**fake, "bitwarden_license": "cloud"}}, *options)
    assert run.status == 0, run.output
    assert run.steps("bw1") == steps
    assert [call["steps"] for call in run.all_arguments("bw1", "organization")] == asked
    assert all(call["gather"] == [] for call in run.all_arguments("bw1", "server_info")), "what is not needed"


def test_the_options_of_the_steps(play):
    """A license from the cloud, an offline server, preflight and sponsorships, and the pace of syncs."""
    moved = switched("globalSettings__baseServiceUri__cloudRegion")
    blocked = {**STEADY["server"], "preflight": BLOCKED}
    overdue = {"visible": 2, "last_sync": "2026-11-20T02:00:00Z", "overdue": True, "note": "Note.", "failure": None}
    pace = {"bitwarden_egress": "office", "bitwarden_syncs_per_minute": 8, "bitwarden_retry_timeout": "10m",
            "bitwarden_sponsorships_max_age": "30h", "bitwarden_license_max_age": "1d",
            "bitwarden_license_expiry_warning": "60d"}  # fmt: skip
    offline = {"bitwarden_offline": True, "bitwarden_license_file": __file__}
    license_ = {"license": '{"licenseKey": "x"}'}
    secrets = {"bitwarden_cloud_client_secret": "cloud-api-key", "bitwarden_cloud_password": "correct-horse"}
    hosts = {
        "bw1": {**member(server=moved, organization=BROKEN, cloud_license=license_), "bitwarden_license": "cloud",
                "bitwarden_gather": ["certificate"]},
        "bw2": {**member(), **offline},
        "bw3": {**member(server=blocked), **pace, **secrets, "bitwarden_preflight": "warn"},
        "bw4": {**member(organization={**ORGANIZATION, "sponsorships": overdue}), "bitwarden_preflight": "fail"},
    }
    run = play(hosts, "-vvv", "--diff")
    assert run.status == 0, run.output

    assert run.steps("bw1") == ["server", "billing_sync_token", "organization", "cloud_license", "organization",
                                "organization", "server_info"]  # fmt: skip
    assert run.arguments("bw1", "server_info") == {"gather": ["certificate"], "show_settings": False}
    # What is not set is left out, so that the defaults of a play's module_defaults hold.
    assert not {"preflight", "pull", "bwdata", "wait_timeout"} & set(run.arguments("bw1", "server"))
    first, upload, last = run.all_arguments("bw1", "organization")
    assert (first["defer_without_license"] is True and upload["license"] == {"content": {"licenseKey": "x"}}) or upload[
        "license"
    ] == {"content": '{"licenseKey": "x"}'}
    assert (upload["steps"], last["steps"]) == (["license"], ["token", "sync"])
    assert run.arguments("bw1", "cloud_license")["installation_id"] == STEADY["server"]["installation_id"]
    # A sync that proves the new region, and a failure of it that the next run does not forget.
    assert (last["force"], last["keep_last_sync"]) == (True, False)

    assert run.steps("bw2") == ["server", "organization"]
    server = run.arguments("bw2", "server")
    assert (server["cloud_communication"], server["pull"], server["preflight"]) == (False, False, "skip")

    assert run.row("bw3")[-1].startswith("warning: api.bitwarden.com cannot be reached")
    assert run.arguments("bw3", "server")["preflight"] == "warn"
    found = run.arguments("bw3", "organization")
    # Old ansible-core makes a text of what comes out of a template; the module reads it as a number.
    assert (found["egress"], int(found["syncs_per_minute"]), found["retry_timeout"]) == ("office", 8, "10m")
    assert (found["sponsorships_max_age"], found["license_max_age"]) == ("30h", "1d")
    assert found["license_expiry_warning"] == "60d"
    assert (found["force"], found["keep_last_sync"], found["defer_without_license"]) == (False, True, False)
    assert "license" not in found

    assert run.row("bw4")[-3] == "2026-11-20 02:00 (overdue)" and "is overdue. Note." in run.row("bw4")[-1]
    assert run.arguments("bw4", "server")["preflight"] == "fail"
    assert not [secret for secret in (TOKEN, *secrets.values()) if secret in run.output]


TOO_OLD = {
    "step": "license",
    "layer": "license",
    "cause": "version",
    "msg": 'The server rejected the license: "Version 15 is not supported." The license is newer than the server.',
}
UPDATED = {
    "changed": True,
    "before": {"core": "2023.2.0"},
    "after": {"core": "2026.8.0"},
    "downtime": 41.5,
    "rolled_back": False,
}
AT_SYNC = {**TOO_OLD, "step": "sync", "cause": "license_rejected"}


def too_old(refused, update=None, /, **steps):
    found = member("one", update=update or UPDATED, **steps)
    organization = {**found["fake"].get("organization", ORGANIZATION), "until_update": refused}
    fake = {**found["fake"], "organization": organization, "cloud_license": {"license": '{"licenseKey": "x"}'}}
    return {**found, "fake": fake, "bitwarden_update": "if_needed"}


def test_a_server_that_is_too_old_for_its_license_is_updated(play):
    """From a file, from the cloud, by the sync after a rotation; and where that is not asked for, or fails."""
    with_file = {"bitwarden_license_file": __file__}
    failed = {**UPDATED, "failed": True, "rolled_back": True, "msg": "Not proven."}
    hosts = {
        "bw1": {
            **too_old(TOO_OLD),
            **with_file,
            "bitwarden_update_version": "2026.8.0",
            "bitwarden_update_pull": False,
        },
        "bw2": {**too_old(TOO_OLD), **with_file, "bitwarden_update": "never"},
        "bw3": {**too_old(TOO_OLD, organization=BROKEN), "bitwarden_license": "cloud"},
        "bw4": {**too_old(AT_SYNC), "bitwarden_cloud_organization": "two", "bitwarden_rotate": True},
        "bw5": {**too_old(TOO_OLD, failed), **with_file},
        "bw6": {**too_old(TOO_OLD), **with_file, "bitwarden_license_file": "", "bitwarden_license": "none"},
    }
    run = play(hosts)
    assert run.status != 0
    own = {name: [step for step in run.steps(name) if step != "billing_sync_token"] for name in hosts}
    assert own == {
        "bw1": ["server", "organization", "update", "organization"],
        "bw2": ["server", "organization"],
        "bw3": ["server", "organization", "cloud_license", "organization", "update", "organization", "organization"],
        "bw4": ["server", "organization", "organization", "update", "organization"],
        "bw5": ["server", "organization", "update"],
        "bw6": ["server", "organization"],
    }
    steps = {name: [call["steps"] for call in run.all_arguments(name, "organization")] for name in ("bw1", "bw4")}
    assert steps["bw1"] == [["license", "token", "sync"]] * 2
    assert steps["bw4"] == [[], ["token", "sync"], ["token", "sync"]]
    assert run.arguments("bw1", "update") == {"version": "2026.8.0", "pull": False, "fail_when_unreachable": True}
    for name in ("bw1", "bw3", "bw4"):
        assert (run.row(name)[1], run.row(name)[-1]) == ("2026.8.0", ""), run.output
        assert "update to 2026.8.0" in run.row(name)[-2]
    assert run.row("bw2")[-1].startswith("Update the license: The server rejected the license: ")
    assert "The playbook selfhosted.bitwarden.update does it, or this role with bitwarden_update" in run.row("bw2")[-1]
    assert run.row("bw5")[-3:] == ["-", "update to 2026.8.0, rollback", "Update the server: Not proven."]


def test_an_update_that_check_mode_predicts(play):
    """What needs the new release is not tried, and taken as done."""
    hosts = {
        "bw1": {**too_old(TOO_OLD, {**UPDATED, "downtime": 0.0}), "bitwarden_license_file": __file__},
        "bw2": {**too_old(TOO_OLD, {**UPDATED, "downtime": 0.0}, organization=BROKEN), "bitwarden_license": "cloud"},
    }
    run = play(hosts, "--check")
    assert run.status == 0, run.output
    assert [call["steps"] for call in run.all_arguments("bw1", "organization")][1:] == [["token", "sync"]]
    for name in hosts:
        assert run.row(name)[1] == "2023.2.0"
        assert run.row(name)[-2:] == ["(update to 2026.8.0, license)", ""]
