# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud's plugins as ansible-playbook runs them: results that can be used and not be seen, errors that can."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible_run import ENVIRONMENTS, Run, playbook

from .standin_pair import CANARIES, INSTALLATION, LICENSE_KEY, NAME, OWNER, OWNER_KEY, PASSWORD, TOKEN, Pair
from .test_action_plugins import inventory

SHARED = {
    "cloud": {"api_url": "{{ cloud_url }}/api", "identity_url": "{{ cloud_url }}/identity"},
    "client_id": f"user.{OWNER}",
    "client_secret": "{{ secret }}",
    "master_password": "{{ password }}",
    "organization": NAME,
}
VALUES = {"secret": OWNER_KEY, "password": PASSWORD}


def run(pair: Pair, folder: Path, tasks: list[dict[str, Any]], core: str, *options: str, **more: Any) -> Run:
    defaults = {"group/selfhosted.bitwarden.cloud": more.pop("shared", SHARED)}
    play = {"hosts": "vault", "gather_facts": False, "module_defaults": defaults, "tasks": tasks}
    values = {
        "cloud_url": pair.cloud.url,
        "canary": TOKEN,
        "license_key": LICENSE_KEY,
        **VALUES,
        **more.pop("values", {}),
    }
    done = playbook([play], "-vvvv", "--diff", *options, core=core, inventory=inventory(folder), **values, **more)
    leaked = [canary for canary in CANARIES if canary in done.output or canary in json.dumps(done.tasks)]
    assert not leaked
    return done


TASKS = [
    {"name": "Fetch", "selfhosted.bitwarden.billing_sync_token": {}, "register": "token"},
    {"ansible.builtin.assert": {"that": "token.billing_sync_token == canary", "quiet": True}},
    {"selfhosted.bitwarden.billing_sync_token": {}, "loop": [1, 2], "register": "tokens"},
    {"ansible.builtin.assert": {"that": "tokens.results[1].billing_sync_token == canary", "quiet": True}},
    {"selfhosted.bitwarden.billing_sync_token": {"state": "rotated", "max_age": "9999w"}, "register": "token",
     "failed_when": "token.billing_sync_token != canary"},
    {"selfhosted.bitwarden.cloud_license": {"installation_id": INSTALLATION}, "register": "license"},
    {"ansible.builtin.assert": {"that": "(license.license | from_json).licenseKey == license_key", "quiet": True}},
]  # fmt: skip


@pytest.mark.parametrize("core", ENVIRONMENTS)
@pytest.mark.parametrize("options", [(), ("--check",)], ids=["real", "check"])
def test_results_are_used_and_not_seen(pair: Pair, tmp_path: Path, core: str, options: tuple[str, ...]) -> None:
    done = run(pair, tmp_path, TASKS, core, *options).ok()
    assert done.recap("vault")["changed"] == 0
    assert "[WARNING]" not in done.output and "DEPRECAT" not in done.output


@pytest.mark.parametrize("core", ENVIRONMENTS)
def test_failures_are_read(pair: Pair, tmp_path: Path, core: str) -> None:
    wrong = [
        {"selfhosted.bitwarden.billing_sync_token": {"master_password": "not it"}, "ignore_errors": True},
        {"selfhosted.bitwarden.billing_sync_token": {"state": "nonsense"}, "ignore_errors": True},
        {"selfhosted.bitwarden.cloud_license": {"installation_id": "nonsense"}, "ignore_errors": True},
    ]
    done = run(pair, tmp_path, wrong, core).ok()
    for text in (
        "The cloud refused the account's master password.",
        "one of: present, rotated",
        "no installation's id",
    ):
        assert text in done.output
    failed = done.of("vault", "billing_sync_token")[0]
    assert failed.result["cause"] == "wrong_password"


@pytest.mark.parametrize("core", ENVIRONMENTS)
def test_the_account_comes_from_the_environment(pair: Pair, tmp_path: Path, core: str) -> None:
    shared = {name: SHARED[name] for name in ("cloud", "organization")}
    environment = {
        "BW_CLOUD_CLIENTID": f"user.{OWNER}",
        "BW_CLOUD_CLIENTSECRET": OWNER_KEY,
        "BW_CLOUD_PASSWORD": PASSWORD,
    }
    run(pair, tmp_path, TASKS[:2], core, shared=shared, environment=environment).ok()
