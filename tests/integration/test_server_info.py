# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Module server_info on a host of the fleet: what it says of settings, region, stack and license files."""

from __future__ import annotations

import json

import pytest

from tests.support.fleet import api

from .ansible_run import task

HOST = "bw4"
FILE = "env/global.override.env"
pytestmark = pytest.mark.fleet


def info(**arguments):
    run = task("server_info", HOST, **arguments).ok()
    result = run.result(HOST, "server_info")
    assert result["changed"] is False
    for name, secret in api.secrets().items():
        assert secret not in json.dumps(result), f"{name} was shown"
    return result


def test_a_server_as_set_up(bw4):
    found = info()
    assert len(found["services"]) == 11
    assert {one["state"] for one in found["services"]} == {"running"}
    assert found["version"] == "2026.8.0"
    assert found["installation_id"] == bw4.data.installation["id"]
    assert found["stale_services"] == {}
    assert found["region"] == {"configured": "US", "settings_fit": True, "mismatches": []}
    assert found["settings"]["globalSettings__installation__key"] == "********"
    assert found["settings"]["globalSettings__baseServiceUri__vault"] == bw4.url
    assert found["versions"]["core"] == found["script_versions"]["core"] == "2026.8.0"
    assert f"{HOST}.fleet.test" in found["certificate"]["names"]
    assert found["certificate"]["loaded"] is True and found["certificate"]["days_left"] > 0
    assert (found["backup"] is None) == ("backup" in found["unknown"])
    (license_,) = found["licenses"]
    assert (license_["state"], license_["problem"]) == ("ok", "")
    assert license_["expires"] > "2026" and license_["cloud_organization_id"] != license_["organization_id"]


def test_what_does_not_fit_is_shown(bw4):
    bw4.write(FILE, bw4.read(FILE) + "globalSettings__installation__apiUri=https://api.bitwarden.eu\n")
    found = info()
    assert found["region"]["mismatches"] == ["globalSettings__installation__apiUri"]
    assert found["stale_services"]["api"] == ["globalSettings__installation__apiUri"]


@pytest.mark.parametrize(
    ("spoil", "state"),
    [
        (lambda host, path: host.write(path, host.read(path) + "}"), "corrupt"),
        (lambda host, path: host.write(path, ""), "corrupt"),
        (lambda host, path: host.execute("install", "-m", "0600", "/dev/null", path), "unreadable"),
        (lambda host, path: host.write(path, host.read(path).replace('"LicenseKey"', '"licenseKey"')), "camel_case"),
        (lambda host, path: host.execute("rm", path), "missing"),
    ],
)
def test_license_files_that_the_server_cannot_use(bw4, spoil, state):
    (license_,) = info()["licenses"]
    spoil(bw4, license_["path"])
    (found,) = info(organization=license_["organization_id"])["licenses"]
    assert (found["organization_id"], found["state"]) == (license_["organization_id"], state)
    assert found["problem"]
