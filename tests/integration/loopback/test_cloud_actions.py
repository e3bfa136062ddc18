# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cloud's plugins as ansible-playbook runs them: results that can be used and not be seen, errors that can."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.ansible_run import ENVIRONMENTS, ROOT, Run, playbook

from .standin_pair import (
    CANARIES,
    CLOUD_ORGANIZATION,
    INSTALLATION,
    LICENSE_KEY,
    NAME,
    OWNER,
    OWNER_KEY,
    PASSWORD,
    TOKEN,
    Pair,
)
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
        "is not a GUID, or all zeros",
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


@pytest.mark.parametrize("core", ENVIRONMENTS)
def test_an_encrypted_license_stays_encrypted(pair: Pair, tmp_path: Path, core: str) -> None:
    dest, password, wrong = (tmp_path / name for name in ("license.json", "vault", "wrong"))
    password.write_text("of the vault\n")
    wrong.write_text("another\n")
    tasks = [{"selfhosted.bitwarden.cloud_license": {"installation_id": INSTALLATION, "dest": str(dest)}}]
    run(pair, tmp_path, tasks, core).ok()
    vault = ROOT / ".work" / ENVIRONMENTS[core] / "bin" / "ansible-vault"
    command = [vault, "encrypt", "--vault-password-file", password, dest]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    encrypted = dest.read_bytes()
    with_password = ("--vault-password-file", str(password))
    assert run(pair, tmp_path, tasks, core, *with_password).ok().recap("vault")["changed"] == 0
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "seats": 99})
    for options, says in (
        (with_password, "dest is encrypted, and the cloud's license differs from it (Seats)"),
        (("--check", *with_password), "dest is encrypted, and the cloud's license differs from it (Seats)"),
        (("--vault-password-file", str(wrong)), "dest is encrypted and cannot be decrypted on the controller"),
        ((), "dest is encrypted and cannot be decrypted on the controller"),
    ):
        failed = run(pair, tmp_path, tasks, core, *options).result("vault", "cloud_license")
        assert says in failed["msg"] and "Traceback" not in str(failed)
    assert dest.read_bytes() == encrypted


@pytest.mark.parametrize("core", ENVIRONMENTS)
@pytest.mark.parametrize(("variable", "says"), [
    ("BW_CLOUD_PASSWORD", "master_password is not UTF-8 text."),
    ("BW_CLOUD_CLIENTSECRET", "client_secret is not UTF-8 text."),
])  # fmt: skip
def test_an_environment_that_is_not_in_utf_8(pair: Pair, tmp_path: Path, core: str, variable: str, says: str) -> None:
    environment = {"BW_CLOUD_CLIENTSECRET": OWNER_KEY, variable: b"sup\xe4rsecretpw".decode("utf-8", "surrogateescape")}
    shared = {name: SHARED[name] for name in ("cloud", "organization", "client_id")}
    done = run(pair, tmp_path, TASKS[:1], core, shared=shared, environment=environment)
    assert done.result("vault", "billing_sync_token")["msg"].startswith(says)
    assert "rsecretpw" not in done.output and "Traceback" not in done.output
