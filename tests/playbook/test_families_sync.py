# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the playbook makes of the steps' results: batches, failures, unreachable hosts, the table, the exit status."""

from __future__ import annotations

import pytest

from .pretend import INFO, ROOT, STEADY

API_STEPS = ("organization_info", "license", "billing_sync", "license_sync")


def host(**steps):
    return {"fake": {**STEADY, **steps}}


GOOD = host()
BAD = host(billing_sync={"failed": True, "msg": "The license file is missing."})
GONE = host(server={"unreachable": True})


def test_nothing_to_do(play):
    run = play({"bw1": GOOD, "bw2": GOOD})
    assert run.status == 0, run.output
    assert run.row("bw1") == ["bw1", "2026.8.0", "on", "set", "2026-11-22 14:16", "2027-12-28 00:00", "-", "no", ""]
    assert run.recap("bw1")["changed"] == run.recap("bw2")["changed"] == 0
    assert run.steps("bw1") == [
        "cloud_connectivity_info",
        "server",
        "organization_info",
        "billing_sync",
        "license_sync",
    ]
    assert "WARNING" not in run.output and "DEPRECATION" not in run.output


def test_bad_and_unreachable_hosts_do_not_stop_the_others(play):
    run = play({"bw1": GOOD, "bw2": BAD, "bw3": GONE, "bw4": GOOD})
    assert run.status != 0
    assert run.row("bw1")[-1] == run.row("bw4")[-1] == ""
    assert run.row("bw2")[-1] == "Save the billing sync token: The license file is missing."
    assert "no route to host" in run.row("bw3")[-1]
    assert [run.recap(name)["failed"] for name in ("bw1", "bw2", "bw3", "bw4")] == [0, 1, 1, 0]
    assert ("bw3", "organization_info") not in [(name, step) for name, step, _arguments in run.calls]


def test_table_even_if_all_are_unreachable(play):
    run = play({"bw1": GONE, "bw2": GONE})
    assert run.status != 0
    assert "no route to host" in run.row("bw1")[-1] and "no route to host" in run.row("bw2")[-1]


@pytest.mark.parametrize("canary", [BAD, GONE], ids=["bad", "unreachable"])
def test_a_failed_canary_stops_the_run(play, canary):
    run = play({"bw1": canary, "bw2": GOOD, "bw3": GOOD}, bitwarden_serial=[1, "100%"])
    assert run.status != 0
    assert run.touched() == ["bw1"]
    assert run.row("bw1")[-1]
    assert run.row("bw2")[-1] == run.row("bw3")[-1] == "not touched in this run"
    assert run.recap("bw2")["failed"] == 0


def test_a_good_canary_lets_the_others_follow(play):
    run = play({"bw1": GOOD, "bw2": BAD, "bw3": GOOD}, bitwarden_serial=[1, "100%"])
    assert run.status != 0
    assert run.touched() == ["bw1", "bw2", "bw3"]


@pytest.mark.parametrize(("limit", "touched"), [(49, 2), (50, 3)])
def test_share_of_failures_that_stops_the_run(play, limit, touched):
    run = play({"bw1": GOOD, "bw2": BAD, "bw3": GOOD}, bitwarden_serial=2, bitwarden_max_fail_percentage=limit)
    assert len(run.touched()) == touched


def test_limit_leaves_others_out_of_the_table(play):
    run = play({"bw1": GOOD, "bw2": BAD}, "--limit", "bw1")
    assert run.status == 0, run.output
    assert run.row("bw1") and "| not touched" not in run.output


def test_bad_arguments_are_a_problem_of_their_host(play):
    run = play({"bw1": {**GOOD, "bitwarden_region": "MARS"}, "bw2": GOOD})
    assert run.status != 0
    assert run.row("bw1")[-1].startswith("Variables: ") and "MARS" in run.row("bw1")[-1]
    assert "bw1" not in run.touched()
    assert run.row("bw2")[-1] == ""


@pytest.mark.parametrize("configuration", [
    "[defaults]\nany_errors_fatal = true\n", "[defaults]\nprivate_role_vars = true\n",
])  # fmt: skip
def test_the_table_comes_whatever_the_configuration(play, configuration):
    run = play({"bw1": GOOD, "bw2": BAD, "bw3": GOOD}, configuration=configuration)
    assert run.status != 0
    assert run.row("bw2")[-1] == "Save the billing sync token: The license file is missing."
    assert "not touched" not in run.row("bw1")[-1] + run.row("bw3")[-1]


def switched(*keys):
    return {
        "changed": True,
        "restarted": True,
        "changes": [{"key": key, "action": "changed"} for key in keys],
        "stale_services": {},
    }


@pytest.mark.parametrize(
    ("steps", "forced"),
    [
        ({}, False),
        ({"server": switched("globalSettings__enableCloudCommunication")}, False),
        ({"server": switched("globalSettings__baseServiceUri__cloudRegion")}, True),
        ({"server": switched("globalSettings:installation:id")}, True),
        (
            {
                "server": {
                    "changed": True,
                    "changes": [],
                    "stale_services": {"api": ["globalSettings__installation__apiUri"]},
                }
            },
            True,
        ),
        ({"billing_sync": {"changed": True, "changes": [{"key": "billing_sync_token", "action": "changed"}]}}, True),
        ({"billing_sync": {"changed": True, "changes": [{"key": "enabled", "action": "changed"}]}}, False),
    ],
)
def test_license_is_synced_anew_for_another_token_region_or_installation(play, steps, forced):
    run = play({"bw1": host(**steps)})
    assert run.arguments("bw1", "license_sync")["force"] == forced
    # A sync that fails then must not be forgotten by the next run.
    moved = forced and "server" in steps
    assert run.arguments("bw1", "billing_sync")["keep_last_sync"] == (not moved)


@pytest.mark.parametrize(("check", "server", "assumed"), [
    (False, switched("globalSettings__enableCloudCommunication"), False),
    (True, switched("globalSettings__enableCloudCommunication"), True),
    (True, STEADY["server"], False),
])  # fmt: skip
def test_readiness_is_assumed_only_where_check_mode_predicted_a_change(play, check, server, assumed):
    run = play({"bw1": host(server=server)}, *(["--check"] if check else []), bitwarden_license_file="any.json")
    assert [arguments["assume_ready"] for _host, step, arguments in run.calls if step in API_STEPS] == [assumed] * 4


@pytest.mark.parametrize(("before", "wanted", "check"), [
    (False, "on", True), (True, "off", True), (True, "on", False), (False, "off", False),
])  # fmt: skip
def test_cloud_communication_in_the_table(play, before, wanted, check):
    """The running server's word counts; in check mode that is from before the change."""
    key = switched("globalSettings__enableCloudCommunication")
    run = play({"bw1": host(server=key, organization_info={**INFO, "cloud_communication": before})},
               *(["--check"] if check else []))  # fmt: skip
    assert run.row("bw1")[2] == wanted


def test_the_example_inventory_runs_and_shows_no_secret(play, tmp_path):
    """With secrets encrypted in place, one by one."""
    password = tmp_path / "password"
    password.write_text("example\n")
    fake = {**STEADY, "billing_sync_token": {"changed": False, "billing_sync_token": "token-from-the-cloud"}}
    run = play(ROOT / "docs/examples/inventory", "-vvv", "--vault-password-file", str(password), fake=fake)
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


@pytest.mark.parametrize(
    "wrong", [{"bitwarden_secret_settings": "not-a-dict-canary"}, {"bitwarden_client_secret": {"a": "canary"}}]
)
def test_wrong_kinds_of_secrets_are_refused_unseen(play, wrong):
    run = play({"bw1": {**GOOD, **wrong}}, "-vvv")
    assert "canary" not in run.output


def test_no_secret_in_the_output(play):
    run = play({"bw1": BAD}, "-vvv")
    assert "token-of-the-tests" not in run.output
