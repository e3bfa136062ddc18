# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role on a server and a cloud: what its variables set, and what module_defaults set where they do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.integration.ansible_run import Run

from .standin_pair import NAME, OWNER, OWNER_KEY, PASSWORD, Pair
from .test_action_plugins import CORES
from .test_task_options import run_play, vaulted

KEY = f"user.{OWNER}"
WRONG = "CanaryWrongKey0000000000000001"
TAGS = ("--tags", "billing_sync,license_sync")


def run(pair: Pair, folder: Path, core: str, defaults: dict[str, Any], **more: Any) -> Run:
    values = {"secret": OWNER_KEY, "password": PASSWORD, "wrong": WRONG}
    role = {"role": "selfhosted.bitwarden.families_sync", "vars": more.pop("role", {}), "tags": ["vault"]}
    tags = more.pop("tags", TAGS)
    play = {"module_defaults": defaults, "roles": [role], **more}
    done = run_play(folder, play, core, *tags, "-vvv", "--diff", **values)
    assert WRONG not in done.output + json.dumps(done.tasks)
    return done


def groups(pair: Pair, **api: Any) -> dict[str, Any]:
    """Return all that the role needs as module_defaults of a play."""
    account = {"client_id": KEY, "client_secret": "{{ secret }}", "organization": NAME}
    return {
        "group/selfhosted.bitwarden.api": {"url": pair.server.url, **account, **api},
        "group/selfhosted.bitwarden.cloud": {
            "cloud": pair.cloud.addresses,
            **account,
            "master_password": "{{ password }}",
        },
    }


@CORES
def test_the_module_defaults_of_a_play_hold(pair: Pair, tmp_path: Path, core: str) -> None:
    """Without a single variable of the role; null and empty are as not set."""
    unset = {"bitwarden_client_id": None, "bitwarden_client_secret": "", "bitwarden_url": "", "bitwarden_cloud": None}
    for role in ({}, unset):
        pair.reset()
        run(pair, tmp_path, core, groups(pair), role=role).ok()
        assert [path.rpartition("/")[2] for _method, path in pair.writes()] == ["connections", "sync"]


@CORES
def test_variables_come_before_module_defaults(pair: Pair, tmp_path: Path, core: str) -> None:
    """Encrypted in place, too."""
    defaults = groups(pair, url="http://127.0.0.1:1", client_secret="{{ wrong }}", timeout="0s", ca_path="/nowhere")
    defaults["group/selfhosted.bitwarden.cloud"].update(client_secret="{{ wrong }}", timeout="0s")
    own = {
        "bitwarden_api_url": f"{pair.server.url}/api",
        "bitwarden_identity_url": f"{pair.server.url}/identity",
        "bitwarden_client_secret": vaulted(OWNER_KEY),
        "bitwarden_timeout": "20s",
        "bitwarden_ca_path": "/etc",
        "bitwarden_run_on": "host",
        "bitwarden_headers": {"X-Access": vaulted(WRONG), "X-More": "{{ wrong }}"},
        "bitwarden_cloud_client_secret": vaulted(OWNER_KEY),
        "bitwarden_cloud_password": vaulted(PASSWORD),
        "bitwarden_cloud_timeout": "20s",
    }
    run(pair, tmp_path, core, defaults, role=own).ok()
    assert [path.rpartition("/")[2] for _method, path in pair.writes()] == ["connections", "sync"]


@CORES
def test_each_variable_is_checked(pair: Pair, tmp_path: Path, core: str) -> None:
    wrong = {
        "bitwarden_timeout": "soon",
        "bitwarden_client_cert": "/nowhere/cert.pem",
        "bitwarden_api_url": "vault",
        "bitwarden_cloud_timeout": "late",
        "bitwarden_cloud_client_key": "/nowhere/key.pem",
        "bitwarden_client_secret": 83,
    }
    done = run(pair, tmp_path, core, groups(pair), role=wrong)
    assert done.status != 0 and pair.writes() == []
    told = done.result("vault", "families_sync_plan")["msg"]
    for name in wrong:
        assert name in told, told
    assert "(0123 becomes 83). Quote it." in told


@CORES
def test_the_environment_of_a_play_is_that_of_the_role(pair: Pair, tmp_path: Path, core: str) -> None:
    defaults = groups(pair)
    for group in defaults.values():
        del group["client_id"], group["client_secret"]
    del defaults["group/selfhosted.bitwarden.cloud"]["master_password"]
    key = {"CLIENTID": KEY, "CLIENTSECRET": "{{ secret }}"}
    variables = {f"{prefix}_{name}": value for prefix in ("BW", "BW_CLOUD") for name, value in key.items()}
    environment = {**variables, "BW_CLOUD_PASSWORD": "{{ password }}"}
    run(pair, tmp_path, core, defaults, environment=environment).ok()
    assert [path.rpartition("/")[2] for _method, path in pair.writes()] == ["connections", "sync"]


@CORES
def test_a_tag_of_the_role_selects_its_steps(pair: Pair, tmp_path: Path, core: str) -> None:
    run(pair, tmp_path, core, groups(pair), tags=("--tags", "vault", "--skip-tags", "server,preflight")).ok()
    assert [path.rpartition("/")[2] for _method, path in pair.writes()] == ["connections", "sync"]
