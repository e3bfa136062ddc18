# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the fleet's downloads give for a request."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.support.fleet import names
from tests.support.fleet.files.downloads import server
from tests.support.fleet.files.downloads.server import Offer

RELEASES = {version: {"core": version, "web": version, "keyConnector": "2025.1.0"} for version in names.RELEASES}
QUERY = {"app": "self-host", "platform": "linux"}


@pytest.fixture
def offer(tmp_path, monkeypatch):
    for name in ("bitwarden.sh", "run.sh"):
        shutil.copy(names.FILES / "bitwarden" / name, tmp_path)
    monkeypatch.setattr(server, "HOME", tmp_path)
    return Offer(RELEASES, names.VERSION)


def test_the_script_has_the_versions_of_the_offered_release(offer):
    offer.change({"version": names.NEWER_VERSION})
    kind, content = offer.find("func.bitwarden.com", "/api/dl/", QUERY)
    assert kind == "self"
    lines = [line for line in content.decode().splitlines() if "VERSION=" in line]
    assert lines[:3] == [
        f'COREVERSION="{names.NEWER_VERSION}"',
        f'WEBVERSION="{names.NEWER_VERSION}"',
        'KEYCONNECTORVERSION="2025.1.0"',
    ]
    kind, content = offer.find("func.bitwarden.com", "/api/dl/", {**QUERY, "variant": "run"})
    assert (kind, content) == ("run", (names.FILES / "bitwarden/run.sh").read_bytes())


@pytest.mark.parametrize(
    ("path", "version"),
    [("main/version.json", names.NEWER_VERSION), ("v2026.6.0/version.json", "2026.6.0"), ("v2026.1.0/run.sh", None)],
)
def test_files_of_a_tag(offer, path, version):
    offer.change({"version": names.NEWER_VERSION})
    kind, content = offer.find("raw.githubusercontent.com", f"/bitwarden/self-host/{path}", {})
    assert kind == "raw"
    assert (content and json.loads(content)["versions"]["coreVersion"]) == version


def test_a_version_can_be_announced_before_it_is_given(offer):
    offer.change({"announced": names.NEWER_VERSION})
    found = json.loads(offer.find("selfhost.bitwarden.com", "/version.json", {})[1])
    assert found["versions"]["coreVersion"] == names.NEWER_VERSION
    assert names.VERSION.encode() in offer.find("func.bitwarden.com", "/api/dl/", QUERY)[1]
    offer.reset()
    assert names.VERSION.encode() in offer.find("selfhost.bitwarden.com", "/version.json", {})[1]


@pytest.mark.parametrize(
    ("host", "path", "query"),
    [
        ("func.bitwarden.com", "/api/dl/", {"app": "self-host", "platform": "windows"}),
        ("selfhost.bitwarden.com", "/", {}),
        ("raw.githubusercontent.com", "/bitwarden/server/main/version.json", {}),
        ("other.example.com", "/version.json", {}),
    ],
)
def test_nothing_else_is_there(offer, host, path, query):
    assert offer.find(host, path, query)[1] is None
