# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A login as proof: which keys are taken, what is sent and by which way, and what is made of the answer."""

from __future__ import annotations

import shutil
import subprocess
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.engine import Executed
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._docker.host import EngineError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._restore import login

ID = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
SECRET = "CanaryClientSecret"
URL = "https://vault.example.com"


class Deployment:
    """Its identity service answers one after the other; ``sent`` is what was run and given to it."""

    def __init__(self, *answers, state="running"):
        self.answers = list(answers)
        self.sent = []
        self.engine = SimpleNamespace(execute=self.execute)
        self.state = state

    def containers(self):
        return [SimpleNamespace(id="1", service="identity", state=self.state)]

    def execute(self, container, command, timeout, environment=None, stdin=None):
        self.sent.append((command, environment, stdin))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(("kind", "scope"), [("user", "api"), ("Organization", "api.organization")])
def test_the_secret_is_only_in_what_is_read_from_stdin(kind, scope):
    deployment = Deployment(Executed(0, 'note\n{"access_token": "CanaryToken", "expires_in": 3600}\n'))
    proof = login.log_in(deployment, login.ApiKey(f"{kind}.{ID}", SECRET), URL)
    assert proof == ("login", True, f"{kind}.{ID} logged in")
    ((command, environment, stdin),) = deployment.sent
    assert SECRET not in str(command)
    assert environment is None
    form = {name: values[0] for name, values in parse_qs(stdin.decode()).items()}
    assert (form["client_id"], form["client_secret"]) == (f"{kind.lower()}.{ID}", SECRET)
    assert (form["scope"], "deviceIdentifier" in form) == (scope, kind == "user")


WRONG = '{"error":"invalid_client"}'
NAMED = '{"error":"device_error","ErrorModel":{"Message":"no device information provided","Object":"error"}}'
STATUS = "wget: server returned error: HTTP/1.1 400 Bad Request"


@pytest.mark.parametrize(
    ("answers", "seen", "tries"),
    [
        ([Executed(0, WRONG)], "invalid_client", 1),
        ([Executed(0, NAMED)], "no device information provided", 1),
        ([Executed(1, STATUS)], STATUS, 1),
        # A first login from a device, where no mail can be sent.
        ([Executed(1, "wget: server returned error: HTTP/1.1 500"), Executed(0, WRONG)], "invalid_client", 2),
        ([Executed(None, ""), Executed(None, "")], "no answer within 60s", 2),
        ([Executed(127, f"sh: {SECRET}: not found"), Executed(127, f"sh: {SECRET}: not found")], "sh: ***", 2),
        ([Executed(0, '"access_token": "CanaryToken"'), Executed(0, "")], "no answer (status 0)", 2),
        ([EngineError("Docker failed: no.")], "Docker failed: no", 1),
    ],
)
def test_a_failed_login_is_told_without_secrets(answers, seen, tries):
    deployment = Deployment(*answers)
    proof = login.log_in(deployment, login.ApiKey(f"user.{ID}", SECRET), URL)
    assert proof.ok is False
    assert seen.replace("***", "") in proof.detail
    assert SECRET not in proof.detail and "CanaryToken" not in proof.detail
    assert len(deployment.sent) == tries


def test_an_identity_service_that_is_not_running():
    proof = login.log_in(Deployment(state="exited"), login.ApiKey(f"user.{ID}", SECRET), URL)
    assert (proof.ok, "identity is not running" in proof.detail) == (False, True)


@pytest.mark.parametrize(
    ("params", "faults"),
    [
        ({}, []),
        ({"client_id": "", "client_secret": None}, []),
        ({"client_id": f"user.{ID}", "client_secret": SECRET}, []),
        ({"client_id": f"organization.{ID.upper()}", "client_secret": SECRET}, []),
        ({"client_id": f"user.{ID}"}, ["client_id needs client_secret"]),
        ({"client_secret": SECRET}, ["client_secret needs client_id"]),
        ({"client_id": f"installation.{ID}", "client_secret": SECRET}, ["client_id must be user.<id>"]),
        (
            {"client_id": "user.1", "client_secret": f'"{SECRET}"'},
            ["client_id must be user.<id>", "client_secret has quotes around it"],
        ),
        ({"client_id": f"user.{ID}", "client_secret": f"{SECRET} "}, ["client_secret has blanks"]),
        ({"client_id": f"user.{ID}", "client_secret": SECRET * 6}, ["client_secret has blanks or line ends around it"]),
    ],
)
def test_options_that_are_not_a_key(params, faults):
    found = login.key_faults(params)
    assert len(found) == len(faults)
    assert all(one.startswith(expected) for one, expected in zip(found, faults))
    assert SECRET not in str(found)
    if faults:
        with pytest.raises(login.KeyFault, match=faults[0]):
            login.require_key(params)


@pytest.mark.skipif(not shutil.which("sh"), reason="needs a shell")
@pytest.mark.parametrize("program", ["curl", "wget"])
def test_the_program_of_the_image_gets_the_form_on_stdin(tmp_path, program):
    """The image's curl is taken where it has one, else wget."""
    tool = tmp_path / program
    tool.write_text('#!/bin/sh\necho "$0 $*"\nread -r given\necho "$given"\n')
    tool.chmod(0o755)
    done = subprocess.run(["/bin/sh", "-c", login._ASK], input=b"the form\n", capture_output=True, check=True,
                          env={"PATH": str(tmp_path)})  # fmt: skip
    first, given = done.stdout.decode().splitlines()
    assert first.startswith(f"{tool} ")
    assert first.endswith(" http://localhost:5000/connect/token")
    assert "Bitwarden-Client-Version: 2" in first
    assert given == "the form"
