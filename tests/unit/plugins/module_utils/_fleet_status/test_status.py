# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a host: up or not, and what is a problem by the thresholds."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.durations import DurationError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.status import host_status
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.thresholds import (
    Thresholds,
    duration_faults,
    read_thresholds,
)

from .gathered import NOW, ORGANIZATION_ID, OTHER_ID, organization, server

DAY = 86400.0
STRICT = Thresholds(30 * DAY, 2 * DAY, 14 * DAY, True)


def status(server_info=None, organization_info=None, thresholds=STRICT):
    results = {"server_info": server_info or server(), "organization_info": organization_info or organization()}
    return host_status(results, thresholds, NOW)


def files(*licenses):
    """Return license files: id, when it expires, and what is wrong with it."""
    return [
        {"organization_id": one, "expires": expires, "state": "corrupt" if problem else "ok", "problem": problem}
        for one, expires, problem in licenses
    ]


def test_nothing_is_wrong():
    found = status()
    assert (found["up"], found["problem"], found["warnings"]) == (True, "", [])
    assert found["services"] == {"count": 3, "unhealthy": {}}, "a job of the user's has ended"
    assert found["licenses"] == [
        {
            "organization_id": ORGANIZATION_ID, "organization": "Example Enterprise",
            "expires": "2027-12-28T00:00:00Z", "problem": "", "asked": True,
        },
    ]  # fmt: skip
    assert found["sponsorships"]["counts"]["active"] == 2
    assert (found["version"], found["available_version"], found["changed"]) == ("2026.8.0", "2026.8.0", False)


SOON = {"state": "ok", "expires": "2026-12-08T00:00:00Z"}
DOWN = [
    {"name": "admin", "state": "exited", "health": None},
    {"name": "api", "state": "running", "health": "unhealthy"},
    {"name": "icons", "state": "absent", "health": None},
    {"name": "web", "state": "running", "health": "starting"},
]


@pytest.mark.parametrize(
    ("server_info", "organization_info", "up", "said"),
    [
        ({"unreachable": True, "msg": "no route to host"}, None, False, "The host is unreachable: no route to host"),
        ({"failed": True, "msg": "Docker is not here."}, None, False, "The host: Docker is not here."),
        (server(services=DOWN), None, False, "not healthy: admin (exited), api (unhealthy), icons (absent). Read"),
        (None, {"failed": True, "msg": "vault was not reached."}, False, "The API: vault was not reached."),
        (None, {"reachable": False, "organization": None, "license": None}, False, "The API does not answer."),
        (None, organization(problems=["The organization is disabled."]), True, "The organization is disabled."),
        (None, organization(license=SOON), True, "license of Example Enterprise expires in 11d, on 2026-12-08. Renew"),
        (server(certificate={"expires": "2026-11-27T11:00:00Z", "names": ["a", "b"]}), None, True,
         "The certificate for a, b expires in 23h, on 2026-11-27. Replace"),
        (server(certificate={"expires": "2026-11-20T11:00:00Z", "names": ["a"]}), None, True,
         "The certificate for a expired on 2026-11-20. Replace"),
        (server(backup={"created": "2026-11-20T12:00:00Z"}), None, True, "backup is 6d old, more than 2d. Make"),
        (server(backup=None, unknown={"backup": "/b has none."}), None, True, "/b has none. Make a backup"),
        (None, organization(last_license_sync=None), True, "The license was never synced. Run"),
        (None, organization(last_license_sync="2026-11-01T12:00:00Z"), True, "was 25d ago, more than 2w. Run"),
        (server(available_versions={"core": "2026.9.0"}), None, True, "Version 2026.9.0 is available, and 2026.8.0 is"),
        (server(licenses=files((ORGANIZATION_ID, None, "It is not whole JSON."))), None, True, "It is not whole JSON."),
    ],
)  # fmt: skip
def test_one_thing_is_wrong(server_info, organization_info, up, said):
    found = status(server_info, organization_info)
    assert said in found["problem"]
    assert found["up"] is up


def test_everything_that_is_wrong_is_said_at_once():
    old = {"created": "2026-11-01T00:00:00Z"}
    found = status(
        server(services=DOWN, backup=old, certificate={"expires": "2026-11-01T00:00:00Z", "names": ["a"]}),
        {"failed": True, "msg": "The API does not answer"},
    )
    for text in ("The API does not answer.", "admin (exited)", "The certificate for a expired", "25d old"):
        assert text in found["problem"]


def test_without_thresholds_dates_are_only_shown():
    found = status(
        server(backup=None, available_versions={"core": "2026.9.0"}),
        organization(last_license_sync=None),
        Thresholds(),
    )
    assert (found["problem"], found["up"]) == ("", True)
    assert (found["backup"], found["available_version"], found["last_sync"]) == (None, "2026.9.0", None)


@pytest.mark.parametrize("skipped", [None, {}, {"skipped": True, "changed": False}])
def test_a_host_whose_api_is_not_asked_is_judged_by_the_files(skipped):
    licenses = files((ORGANIZATION_ID, "2026-12-01T00:00:00Z", ""), (OTHER_ID, None, "It is empty."))
    found = host_status({"server_info": server(licenses=licenses), "organization_info": skipped}, STRICT, NOW)
    assert found["up"] is True
    assert f"The license of {ORGANIZATION_ID} expires in 4d" in found["problem"]
    assert "It is empty." in found["problem"]
    assert "last_sync" not in found and found["sponsorships"] is None


def test_files_of_other_organizations_than_the_one_asked_are_warnings():
    """One that was deleted leaves its file."""
    licenses = files((ORGANIZATION_ID, "2027-12-28T00:00:00Z", ""), (OTHER_ID, "2025-01-01T00:00:00Z", ""))
    found = status(server(licenses=licenses))
    assert found["problem"] == ""
    assert f"The license of {OTHER_ID} expired on 2025-01-01." in found["warnings"][0]


def test_an_expired_license_is_told_once():
    """The API's own words say what to do."""
    found = status(None, organization(
        license={"state": "expired", "expires": "2026-11-01T00:00:00Z"}, problems=["The license has expired."],
    ))  # fmt: skip
    assert found["problem"] == "The license has expired."


def test_warnings_come_from_all():
    found = status(
        server(
            stale_services={"api": ["x"]},
            certificate={**server()["certificate"], "loaded": False, "path": "/ssl/x.crt"},
            available_versions=None,
            unknown={"available_versions": "no route."},
            warnings=["Host 'bw1' is using the discovered Python interpreter at '/usr/bin/python3.13'."],
        ),
        organization(sync_problem="Cloud communication is off."),
    )
    assert found["problem"] == ""
    for text in ("settings in the files: api", "not known: no route.", "/ssl/x.crt", "Cloud communication is off."):
        assert any(text in warning for warning in found["warnings"]), text
    assert "interpreter" not in str(found["warnings"]), "Ansible's own"


@pytest.mark.parametrize("result", [None, {}])
def test_a_host_on_which_nothing_was_gathered_is_not_up(result):
    found = host_status({"server_info": result}, Thresholds(), NOW)
    assert (found["up"], found["problem"]) == (False, "Nothing was gathered on the host.")


def test_thresholds_from_options():
    options = {"expiring_within": "60d", "backup_older_than": "26h", "sync_older_than": None, "fail_on_warnings": True}
    found = read_thresholds(options)
    assert found == Thresholds(60 * DAY, 26 * 3600.0, None, False, True)
    assert found.failing({"problem": "", "warnings": ["Look."]}) == "Look."
    assert Thresholds().failing({"problem": "", "warnings": ["Look."]}) == ""
    wrong = {"expiring_within": "soon", "backup_older_than": "2 months"}
    assert [text.partition(":")[0] for text in duration_faults(wrong)] == ["expiring_within", "backup_older_than"]
    with pytest.raises(DurationError):
        read_thresholds(wrong)
