# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The text for node_exporter's textfile collector, as Prometheus's own parser reads it."""

from __future__ import annotations

import re
from datetime import datetime, timezone

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.prometheus import METRICS, render
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.status import host_status
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._fleet_status.thresholds import Thresholds
from prometheus_client.parser import text_string_to_metric_families

from tests.support.tools.commands import ROOT

from .gathered import NOW, ORGANIZATION_ID, OTHER_ID, organization, server


def status(server_info=None, organization_info=None):
    return host_status({"server_info": server_info, "organization_info": organization_info}, Thresholds(), NOW)


SYNCED = datetime(2026, 11, 22, 14, 16, 19, tzinfo=timezone.utc)
GOOD = status(server(), organization())


def read(text):
    """Return the samples by name and labels. Prometheus rejects what comes twice, and the collector rejects times."""
    found = {}
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.type == "gauge" and family.documentation
        for sample in family.samples:
            assert sample.timestamp is None
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in found, f"{key} comes twice"
            found[key] = sample.value
    assert text.endswith("\n")
    return found


def value(samples, name, **labels):
    return samples.get((f"bitwarden_{name}", tuple(sorted(labels.items()))))


def test_a_server_with_everything():
    samples = read(render({"bw1": GOOD}, NOW))
    organization_ = {"organization": "Example Enterprise", "organization_id": ORGANIZATION_ID}
    for name, labels, expected in [
        ("up", {}, 1),
        ("problem", {}, 0),
        ("warning", {}, 0),
        ("version_info", {"version": "2026.8.0", "available": "2026.8.0"}, 1),
        ("outdated", {}, 0),
        ("unhealthy_services", {}, 0),
        ("license_days_left", organization_, 396),
        ("license_expiry_timestamp_seconds", organization_, datetime(2027, 12, 28, tzinfo=timezone.utc).timestamp()),
        ("sponsorships", {"state": "active"}, 2),
        ("sponsorships_overdue", {}, 0),
        ("backup_age_seconds", {}, 10 * 3600),
        ("certificate_days_left", {}, 90),
        ("last_license_sync_timestamp_seconds", {}, SYNCED.timestamp()),
    ]:
        assert value(samples, name, host="bw1", **labels) == expected, name
    assert value(samples, "status_timestamp_seconds") == NOW.timestamp()
    assert {metric.name for metric in METRICS} <= {name for name, _labels in samples}, "one of them was never seen"


@pytest.mark.parametrize(
    ("up", "results"),
    [
        (0, ({"unreachable": True, "msg": "no route"}, {"failed": True, "msg": "no"})),
        (0, ({**dict.fromkeys(server()), "failed": True, "msg": "no Docker"}, None)),
        (0, (None, None)),
        (1, (server(**dict.fromkeys(("certificate", "backup", "available_versions", "licenses", "services"))), None)),
        (1, (server(certificate={"expires": "?", "names": None}, backup=None, licenses=[{"problem": ""}]), None)),
    ],
)
def test_what_is_not_known_has_no_sample(up, results):
    samples = read(render({"bw1": GOOD, "bw2": status(*results)}, NOW))
    assert value(samples, "up", host="bw1") == 1
    assert value(samples, "up", host="bw2") == up
    assert value(samples, "certificate_days_left", host="bw2") is None
    assert value(samples, "backup_age_seconds", host="bw2") is None


def test_two_organizations_and_a_negative_number():
    licenses = [{"organization_id": OTHER_ID, "expires": "2026-11-25T11:00:00Z", "problem": ""}]
    samples = read(render({"bw1": status(server(licenses=licenses), organization())}, NOW))
    assert value(samples, "license_days_left", host="bw1", organization="", organization_id=OTHER_ID) == -2
    assert len([name for name, _labels in samples if name == "bitwarden_license_days_left"]) == 2


def test_no_hosts():
    assert list(read(render({}, NOW))) == [("bitwarden_status_timestamp_seconds", ())]


def test_what_utf_8_cannot_write():
    assert value(read(render({"bw\udc80": GOOD}, NOW)), "up", host="bw?") == 1


@pytest.mark.parametrize(
    "text",
    [
        "", " ", '"', "\\", '\\"', "\\n", "\n", "a\nb", 'x"} 1\nbitwarden_up{host="other"} 0', "{}", "# HELP",
        ",=", "\r\n\t", "\x00\x7f\x85", "\u2028", "Zürich 銀行 🏦", "\\" * 3 + '"',
    ],
)  # fmt: skip
def test_labels_of_any_text(text):
    """What a label holds comes out again, and nothing else does."""
    facts = organization(version=text, organization={"id": text, "name": text})
    samples = read(render({text: status(server(version=None), facts), "other": GOOD}, NOW))
    assert value(samples, "up", host=text) == value(samples, "up", host="other") == 1
    assert value(samples, "license_days_left", host=text, organization=text, organization_id=text) == 396
    assert {dict(labels).get("host") for _name, labels in samples} == {None, text, "other"}


def test_the_guide_has_the_metrics_that_exist():
    """In its table each, in its alerts no others."""
    guide = (ROOT / "docs" / "monitoring.md").read_text()
    names = {metric.name for metric in METRICS} | {"bitwarden_status_timestamp_seconds"}
    table = guide.partition("\n| metric |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(bitwarden_[a-z_]+)`", table, re.MULTILINE)) == names
    expressions = re.findall(r"expr: (.*)", guide)
    assert len(expressions) > 5
    assert {name for one in expressions for name in re.findall(r"bitwarden_[a-z_]+", one)} <= names
