# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server on a host in memory: the connectivity checks before a change, and what the result then has."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity import run as connectivity
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.failures import Outcome
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._connectivity.report import (
    Check,
    Installation,
    Report,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import apply as apply_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.modules import server

from tests.support.tools.commands import WORK

from ..module_utils._deployment.fake_host import FakeHost
from ..module_utils._deployment.small_module import asked_first
from .fake_module import server_module

CLOUD = "globalSettings__enableCloudCommunication"
ON = SettingsRequest(cloud_communication=True)
OFF = SettingsRequest(cloud_communication=False)
PORT = SettingsRequest(settings={"globalSettings__mail__smtp__port": 2525})
DETAIL, TARGET = "no route with CanaryInstallationKey", "https://api.bitwarden.com"


@pytest.fixture
def host(tmp_path, monkeypatch):
    fake = FakeHost(tmp_path / "bitwarden" / "bwdata").install(monkeypatch)
    monkeypatch.setattr(apply_module, "Clock", lambda: fake.clock)
    return fake


class Checked(list):
    """The settings for which the checks ran; each finds a problem, a ``certain`` one or not."""

    certain = False

    def check(self, deployment, stack, removed, *, environ):
        self.append((stack.setting(CLOUD), list(removed)))
        outcome = Outcome(False, "", DETAIL, certain=self.certain)
        return Report([Check("api", "host", TARGET, outcome)], Installation(None), "US")


@pytest.fixture
def checked(monkeypatch):
    calls = Checked()
    monkeypatch.setattr(connectivity, "check_connectivity", calls.check)
    return calls


@pytest.fixture
def run(host):
    def make(settings, check_mode=False, **params):
        host.done.clear()
        module = server_module(host, check_mode, **params)
        found, warnings = asked_first(host, settings, check_mode=check_mode, **module.params)
        result = server.run(module, settings)
        expected = {name: value for name, value in result.items() if name in (found or {})}
        assert found in (None, {**expected, "warnings": warnings}), "the small module returned something else"
        return result

    return make


@pytest.mark.parametrize("check_mode", [True, False])
def test_problems_are_warned_of_before_a_change(host, run, checked, check_mode):
    host.start()
    result = run(ON, check_mode)
    assert checked == [("true", [])], "not on the planned settings"
    assert result["warnings"][0] == f"Cloud connectivity: api from the host ({TARGET}): no route with ********."
    assert (result["preflight"]["ok"], result["changed"]) == (False, True)
    assert host.done == ([] if check_mode else ["script restart"])
    assert "diff" in result


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(
    ("before", "settings", "mode", "fails"),
    [
        pytest.param(OFF, ON, "auto", True, id="cloud communication goes on"),
        pytest.param(ON, SettingsRequest(region="EU"), "auto", True, id="another region"),
        pytest.param(ON, PORT, "auto", False, id="other settings"),
        pytest.param(ON, PORT, "fail", True, id="other settings, and the checks are required"),
        pytest.param(OFF, ON, "warn", False, id="only warnings"),
    ],
)
def test_a_certain_problem(host, run, checked, before, settings, mode, fails, check_mode):
    run(before, preflight="skip")
    host.start()
    checked.certain = True
    if fails:
        with pytest.raises(BitwardenError, match="nothing was changed"):
            run(settings, check_mode, preflight=mode)
        assert host.done == []
    else:
        assert run(settings, check_mode, preflight=mode)["warnings"]


def test_a_certain_problem_of_settings_that_the_server_does_not_run_on_yet(host, run, checked):
    run(OFF, preflight="skip")
    host.start()
    (host.bwdata / "env" / "global.override.env").write_text(f"{CLOUD}=true\n")
    checked.certain = True
    with pytest.raises(BitwardenError, match="nothing was changed"):
        run(SettingsRequest(), preflight="auto")


@pytest.mark.parametrize("check_mode", [True, False])
def test_problems_prevent_a_change_where_the_checks_are_required(host, run, checked, check_mode):
    host.start()
    with pytest.raises(BitwardenError, match="nothing was changed: api from the host ") as caught:
        run(ON, check_mode, preflight="fail")
    result = caught.value.result()
    assert result["preflight"]["ok"] is False
    assert "Canary" not in str(result)
    assert host.done == []
    assert f"{CLOUD}=false" in (host.bwdata / "env" / "global.override.env").read_text()


@pytest.mark.parametrize(
    ("before", "settings", "options"),
    [
        pytest.param(ON, ON, {}, id="nothing changes"),
        pytest.param(OFF, PORT, {}, id="cloud communication is off"),
        pytest.param(ON, OFF, {}, id="cloud communication goes off"),
        pytest.param(ON, SettingsRequest(), {"state": "stopped"}, id="the server is stopped"),
        pytest.param(OFF, ON, {"preflight": "skip"}, id="skipped"),
    ],
)
def test_no_checks(host, run, checked, before, settings, options):
    host.start()
    run(before, preflight="skip")
    assert run(settings, **{"preflight": "fail", **options})["preflight"] is None
    assert checked == []


def test_a_restart_on_the_same_settings_is_a_change(host, run, checked):
    host.start()
    run(ON, preflight="skip")
    assert run(SettingsRequest(), state="restarted")["preflight"] is not None
    assert len(checked) == 1


def test_a_failure_later_has_the_report_and_the_warnings(host, run, checked):
    host.start().crashes = lambda environment: environment.get(CLOUD) == "true"
    with pytest.raises(BitwardenError, match="rolled back; the server is running") as caught:
        run(ON)
    result = caught.value.result()
    assert (result["rolled_back"], result["preflight"]["ok"]) == (True, False)
    assert result["warnings"][0].startswith("Cloud connectivity: ")


def test_the_checks_are_not_even_imported_before_they_are_needed():
    program = (
        "import sys; import ansible_collections.selfhosted.bitwarden.plugins.modules.server; "
        "print([name for name in sys.modules if '_connectivity' in name or name == 'concurrent.futures'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd="/",
        env={**os.environ, "PYTHONPATH": str(WORK / "collections")},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
