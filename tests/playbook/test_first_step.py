# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The first step of the role and of the playbook, in runs of Ansible: all is checked before anything is touched.

What it finds on a host is tested in tests/unit/plugins/plugin_utils/test_role_check.py.
"""

from __future__ import annotations

import pytest

from .test_families_sync import COMPANY, GOOD, ROLE, TOKEN, fetchers, host, member, tokens


def test_every_fault_of_every_host_ends_the_run_before_anything_is_touched(play):
    """In check mode, too; of later batches, too; and with no secret shown."""
    hosts = {
        "bw1": GOOD,
        "bw2": {**GOOD, "bitwarden_region": "MARS", "bitwarden_url": "vault.example.com"},
        "bw3": {**GOOD, "bitwarden_license": "file", "bitwarden_cloud": "mars", "bitwarden_retry_timeout": "soon"},
        "bw4": {**GOOD, "bitwarden_secret_settings": "not-a-dict-canary"},
        "bw5": {**GOOD, "bitwarden_client_secret": {"a": "canary"}, "bitwarden_billing_sync_token": True},
        "bw6": {**GOOD, "bitwarden_license_file": "missing.json", "bitwarden_ca_path": "{{ forgotten }}"},
        "bw7": {**GOOD, "bitwarden_settings": {"globalSettings:enableCloudCommunication": "{{ false }}"}},
    }
    for options in ((), ("--check",)):
        run = play(hosts, "-vvv", *options, bitwarden_serial=[2, "100%"])
        assert run.status != 0 and run.calls == []
        for host_, text in {
            "bw2": "value of bitwarden_region must be one of: EU, US.", "bw3": "bitwarden_cloud is neither US nor EU",
            "bw4": "bitwarden_secret_settings", "bw5": "bitwarden_client_secret is a mapping, not a text. Quote it.",
            "bw6": "bitwarden_license_file: no file missing.json on the controller.",
            "bw7": "bitwarden_settings gives globalSettings__enableCloudCommunication another value than the role",
        }.items():  # fmt: skip
            assert f"{host_}: {text}" in run.output
        for text in (
            "bw2: bitwarden_url is not an address of a server", "bw3: bitwarden_license_file is not set",
            "bw3: bitwarden_retry_timeout: 'soon' is not a duration.", "bw6: bitwarden_ca_path cannot be read: ",
            "bw5: bitwarden_billing_sync_token is a boolean to YAML",
        ):  # fmt: skip
            assert text in run.output
        assert "Check the variables: value of bitwarden_region" in run.row("bw2")[-1]
        assert run.row("bw6")[-1] == "not touched"
        assert "canary" not in run.output and "token-of-the-tests" not in run.output


@pytest.mark.parametrize("named", ["bitwarden_hosts", "limit"])
def test_no_host(play, named):
    extra = {"bitwarden_hosts": "bitwardne"} if named == "bitwarden_hosts" else {}
    run = play({"bw1": GOOD}, *(() if extra else ("--limit", "other")), more=["other"], **extra)
    assert run.status != 0 and run.calls == []
    assert f"No host matches {extra.get('bitwarden_hosts', 'bitwarden')}" in run.output


def test_hosts_and_batches(play):
    """A pattern may be a list; Ansible ends a play with an unusable serial with a traceback."""
    hosts = {"bw1": GOOD, "bw2": GOOD, "bw3": GOOD}
    run = play(hosts, bitwarden_hosts=["bw1", "bw3"], bitwarden_serial=[1, "50%"])
    assert run.status == 0 and run.touched() == ["bw1", "bw3"], run.output
    run = play(hosts, bitwarden_serial=[1, "few"])
    assert run.status == 2 and run.calls == [] and "is not a size of batches" in run.output


def test_a_host_whose_variables_cannot_be_read_fails_as_others_do(play):
    """ansible-core before 2.19 resolves all variables of a host that is in a list."""
    run = play({"bw1": {**GOOD, "bitwarden_settings": "{{ lookup('file', 'missing.yml') }}"}, "bw2": GOOD})
    assert run.status == 2 and run.recap("bw1")["failed"] == 1, run.output


def test_a_mistyped_tag(play):
    """It would select nothing, which looks as if nothing was to be done. In other playbooks others can have it."""
    run = play({"bw1": GOOD}, "--tags", "licence_sync")
    assert run.status != 0 and run.calls == []
    assert "--tags licence_sync: no step has this tag. Did you mean license_sync?" in run.output
    plays = [{"hosts": "bw1", "gather_facts": False, "tasks": [ROLE]}]
    assert play({"bw1": GOOD}, "--tags", "nginx", what=plays).status == 0


def test_another_strategy(play):
    """The playbook sets its own; the role in another play refuses, however the strategy was set."""
    free = "[defaults]\nstrategy = free\n"
    assert play({"bw1": member(), "bw2": member()}, configuration=free).status == 0
    plays = [{"hosts": "bw1:bw2", "gather_facts": False, "tasks": [ROLE]}]
    run = play({"bw1": GOOD, "bw2": GOOD}, what=plays, configuration=free.replace("free", "host_pinned"))
    assert run.status != 0 and run.calls == []
    assert "The strategy host_pinned lets each host run ahead" in run.output


def test_rotation_is_refused_for_the_whole_organization(play):
    by_hand = {**host(), "bitwarden_cloud_organization": COMPANY}
    run = play({"bw1": member(COMPANY), "bw2": by_hand}, bitwarden_rotate=True, bitwarden_serial=1)
    assert run.status != 0 and run.calls == []
    assert "bw2: bitwarden_rotate is true, but bitwarden_billing_sync_token is set" in run.output
    hosts = {"bw1": {**member(COMPANY), "bitwarden_rotate": True}, "bw2": by_hand}
    run = play(hosts, bitwarden_serial=1)
    assert run.status != 0 and run.calls == []
    assert "bw2: bitwarden_billing_sync_token is set, but bw1 of the same organization rotates" in run.output


def test_in_a_playbook_of_ones_own(play):
    """With variables of the play, the role and a loop; conditions; the first host without the role; its own checks."""
    two = {"loop": ["five", "six"], "loop_control": {"loop_var": "one", "label": "{{ one }}"},
           "vars": {"bitwarden_cloud_organization": "{{ one }}"}}  # fmt: skip
    name, not_web = {"name": "selfhosted.bitwarden.families_sync"}, "inventory_hostname != 'web'"
    shared = {"gather_facts": False, "vars": {"bitwarden_url": "https://{{ inventory_hostname }}"}}
    member_ = {key: value for key, value in member().items() if key != "bitwarden_cloud_organization"}
    hosts = {"web": {"bitwarden_url": "no url", "bitwarden_region": "MARS"}, "bw1": member_, "bw2": member_}
    plays = [
        {"hosts": "web:bw1:bw2", **shared, "tasks": [
            {"ansible.builtin.include_role": name, "when": not_web, **two}]},
        {"hosts": "web:bw1:bw2", **shared, "tasks": [
            {"ansible.builtin.import_role": {**name, "rolespec_validate": False}, "when": not_web}]},
    ]  # fmt: skip
    run = play(hosts, what=plays)
    assert run.status == 0, run.output
    fetches = run.all_arguments("bw1", "billing_sync_token")
    assert [call.get("organization") for call in fetches] == ["five", "six", None]
    # Where the first host is without the role, the steps that run once are done by each host.
    assert len(fetchers(run)) == 4 and set(tokens(run).values()) == {TOKEN}
    for name_ in ("bw1", "bw2"):
        assert [call["url"] for call in run.all_arguments(name_, "organization")] == [f"https://{name_}"] * 3
    assert "web" not in run.touched()


def test_a_fault_in_a_playbook_of_ones_own_ends_the_run(play):
    """Ansible's own check of each host comes before, and fails only that host."""
    plays = [{"hosts": "bw1:bw2", "gather_facts": False, "tasks": [ROLE]}]
    run = play({"bw1": GOOD, "bw2": {**GOOD, "bitwarden_region": "MARS"}}, what=plays)
    assert run.status != 0 and run.calls == []
    assert "bw2: value of bitwarden_region must be one of: EU, US." in run.output


@pytest.mark.parametrize(("task", "steps"), [
    ("Apply the settings", ["server", "billing_sync_token", "organization"]),
    ("Configure through the API", ["billing_sync_token", "organization"]),
])  # fmt: skip
def test_a_run_that_starts_in_the_middle(play, task, steps):
    options = ("--start-at-task", f"selfhosted.bitwarden.families_sync : {task}")
    run = play({"bw1": member()}, *options)
    assert run.status == 0, run.output
    assert run.steps("bw1") == steps and run.row("bw1")[-1] == ""
    run = play({"bw1": {**GOOD, "bitwarden_url": "no"}}, *options)
    assert run.status != 0 and run.calls == [] and "bw1: bitwarden_url is not an address" in run.output


def test_a_percentage_may_have_a_sign_and_null_is_not_set(play):
    hosts = {"bw1": GOOD, "bw2": host(organization={"failed": True, "msg": "no"}), "bw3": GOOD}
    extra = {"bitwarden_retry_timeout": None, "bitwarden_region": "", "bitwarden_license_file": None,
             "bitwarden_rotate": ""}  # fmt: skip
    run = play(hosts, bitwarden_serial=[2, 1], bitwarden_max_fail_percentage="50%", **extra)
    assert run.touched() == ["bw1", "bw2", "bw3"]
    assert not {"retry_timeout", "license"} & set(run.arguments("bw1", "organization"))
    run = play(hosts, bitwarden_serial=[2, 1], bitwarden_max_fail_percentage="49%", bitwarden_rotat=True)
    assert run.touched() == ["bw1", "bw2"]
    assert "The role reads no variable bitwarden_rotat. Did you mean bitwarden_rotate?" in " ".join(run.output.split())


def test_a_file_beside_the_inventory(play, tmp_path):
    (tmp_path / "licenses").mkdir()
    for name in ("bw1", "bw2"):
        (tmp_path / "licenses" / f"{name}.json").write_text("{}")
    (tmp_path / "ca.pem").write_text("certificates")
    hosts = {"bw1": GOOD, "bw2": GOOD}
    run = play(hosts, bitwarden_license_file="licenses/{{ inventory_hostname }}.json", bitwarden_ca_path="ca.pem")
    assert run.status == 0, run.output
    for name in hosts:
        found = run.arguments(name, "organization")
        assert found["license"] == {"src": str(tmp_path / "licenses" / f"{name}.json")}
        assert found["ca_path"] == str(tmp_path / "ca.pem")
