# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""License files on disk: states, dates, and nothing of their content."""

from __future__ import annotations

import base64
import hashlib
import json
import os

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.file import LicenseFolder, parse_license

ORGANIZATION = "7f2a3b4c-6d5e-4f90-8b1c-b2e500f1c003"
TOLD = {"exp": 1826928379, "Plan": "Enterprise (Annually)"}
CLAIMS = base64.urlsafe_b64encode(json.dumps(TOLD).encode()).decode().rstrip("=")
LICENSE = {
    "LicenseKey": "CanaryLicenseKey",
    "InstallationId": "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b",
    "Id": "ac5d6e7f-9081-4c23-9e4f-b2e500f1d003",
    "Name": "Example Enterprise",
    "Plan": "Enterprise (Annually)",
    "Expires": "2027-12-28T00:00:00",
    "ExpirationWithoutGracePeriod": None,
    "Token": f"e30.{CLAIMS}.CanarySignature",
}
TEXT = json.dumps(LICENSE, indent=2).encode()
CAMEL = json.dumps({name[0].lower() + name[1:]: value for name, value in LICENSE.items()}).encode()


@pytest.mark.parametrize(
    ("content", "state"),
    [
        pytest.param(TEXT, "ok", id="as written by the server"),
        pytest.param(b"\xef\xbb\xbf" + TEXT, "ok", id="byte-order mark"),
        pytest.param(TEXT + b"}", "corrupt", id="trailing byte"),
        pytest.param(TEXT + b"\0", "corrupt", id="trailing NUL"),
        pytest.param(TEXT[:-40], "corrupt", id="truncated"),
        pytest.param(b"", "corrupt", id="empty"),
        pytest.param(b"null", "corrupt", id="null"),
        pytest.param(b"[]", "corrupt", id="no object"),
        pytest.param(b"{}", "corrupt", id="no license"),
        pytest.param(b"\xff\xfe{\0}\0", "corrupt", id="UTF-16"),
        pytest.param(b"[" * 100_000, "corrupt", id="nested"),
        pytest.param(CAMEL, "camel_case", id="a copy of the cloud's download"),
    ],
)
def test_states(content, state):
    found = parse_license(content, ORGANIZATION)
    assert (found.state, found.organization_id) == (state, ORGANIZATION)
    assert bool(found.problem) is (state != "ok")
    assert "Canary" not in json.dumps(found.report())


def test_what_a_good_one_tells():
    report = parse_license(TEXT, ORGANIZATION, "/x.json").report()
    assert report == {
        "organization_id": ORGANIZATION,
        "cloud_organization_id": LICENSE["Id"],
        "plan": "Enterprise (Annually)",
        "expires": "2027-12-28T00:00:00Z",
        "expires_without_grace": None,
        "token_expires": "2027-11-23T00:06:19Z",
        "path": "/x.json",
        "state": "ok",
        "problem": "",
        "issued": None,
        "license_key_digest": hashlib.sha256(LICENSE["LicenseKey"].encode()).hexdigest(),
        "fields": report["fields"],
    }
    assert report["fields"]["Plan"] == "Enterprise (Annually)"
    assert not {"LicenseKey", "Token", "Hash", "Signature"} & set(report["fields"])


@pytest.mark.parametrize("token", [None, "", "a.b", "a.!!!.c", "a.e30.c", 5, f"a.{base64.b64encode(b'[]').decode()}.c"])
def test_a_token_that_tells_nothing(token):
    found = parse_license(json.dumps({**LICENSE, "Token": token}).encode(), ORGANIZATION)
    assert (found.state, found.token_expires) == ("ok", None)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "core" / "licenses" / "organization"
    path.mkdir(parents=True)
    (path / f"{ORGANIZATION}.json").write_bytes(TEXT)
    (path / "notes.txt").write_text("x")
    return tmp_path


def test_the_files_of_a_server(folder):
    assert [one.organization_id for one in LicenseFolder(str(folder)).all()] == [ORGANIZATION]
    assert LicenseFolder(str(folder)).one("other").state == "missing"
    assert LicenseFolder(str(folder / "nowhere")).all() == []
    assert LicenseFolder(str(folder / "nowhere")).one(ORGANIZATION).state == "missing"


@pytest.mark.parametrize(
    ("mode", "user", "group", "state"),
    [
        (0o600, "owner", "owner", "ok"),
        (0o200, "owner", "owner", "unreadable"),
        (0o640, "other", "owner", "ok"),
        (0o600, "other", "owner", "unreadable"),
        (0o644, "other", "other", "ok"),
        (0o640, "other", "other", "unreadable"),
    ],
)
def test_the_services_must_be_able_to_read_it(folder, mode, user, group, state):
    if os.geteuid() != 0 and not mode & 0o400:
        pytest.skip("only root reads it to find that out")
    (folder / "core" / "licenses" / "organization" / f"{ORGANIZATION}.json").chmod(mode)
    ids = {"owner": 0, "other": 1}
    found = LicenseFolder(str(folder), os.geteuid() + ids[user], os.getegid() + ids[group]).one(ORGANIZATION)
    assert found.state == state


@pytest.mark.parametrize(
    ("setting", "users", "path", "user"),
    [
        ("", "LOCAL_UID=1001\nLOCAL_GID=1002\n", "/b/core/licenses/organization", 1001),
        ("globalSettings__licenseDirectory=/etc/bitwarden/core/other\n", "", "/b/core/other/organization", None),
        ("globalSettings__licenseDirectory=/srv/licenses\n", "LOCAL_UID=x\n", "/srv/licenses/organization", None),
    ],
)
def test_where_the_files_are(setting, users, path, user):
    found = LicenseFolder.of("/b", EnvFile.parse(setting.encode(), "s"), EnvFile.parse(users.encode(), "u"))
    assert (found.path, found.service_user) == (path, user)
