# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What ``backup_info`` tells: restorable or not, the nightly backup, jobs that update; and which sets are kept."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import info as info_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.compatibility import Here, obstacles
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.cron_jobs import Job, self_updating_jobs
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.info import backup_facts
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import Database, Manifest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.nightly import inspect_nightly
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.retention import (
    Dated,
    Retention,
    superfluous,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._database.inspection import Configured
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.deployment import Deployment
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.facts import FactsError

from .backup_host import NOW

ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"


@pytest.mark.parametrize(
    ("verified", "rule", "removed"),
    [
        ("vvvv", Retention(), []),
        ("vvvv", Retention(keep=2), [2, 3]),
        ("vvvv", Retention(keep=9), []),
        ("nnvn", Retention(keep=1), [1, 3]),
        ("nnnn", Retention(keep=1), [1, 2, 3]),
        ("vvvv", Retention(keep_days=1), [2, 3]),
        ("vvvv", Retention(keep=3, keep_days=1), [3]),
        ("vvvv", Retention(keep=1, keep_days=1), [2, 3]),
        ("nnnv", Retention(keep=1, keep_days=1), [2]),
        ("", Retention(keep=1), []),
    ],
)
def test_which_sets_are_removed(verified, rule, removed):
    """One set a day, the newest first, that of today just made."""
    sets = [Dated(NOW - timedelta(days=age), one == "v") for age, one in enumerate(verified)]
    assert superfluous(sets, rule, NOW) == removed


@pytest.mark.parametrize(
    ("here", "message"),
    [
        (Here(ID, "https://v.example.com/", "2026.8.0", 17), ""),
        (Here(ID, "https://v.example.com", "2026.9.0", 17), ""),
        (Here(), ""),
        (Here(core="2026.7.0"), "of Bitwarden 2026.8.0, and 2026.7.0 is installed"),
        (Here(core="2025.12.10"), "Update the server first"),
        (Here(engine=16), "SQL Server 2025, and 2022 is running"),
        (Here("aaaaaaaa"), "allow_other_installation"),
        (Here(url="https://other.example.com"), "allow_other_url"),
    ],
)
def test_whether_a_set_can_be_restored(here, message):
    versions = {"core": "2026.8.0", "engine": 17}
    manifest = Manifest(NOW, ID, "https://v.example.com", versions, Database("vault", "built_in", "x"))
    found = obstacles(manifest, here)
    assert (not found) is (not message)
    assert message in " ".join(found)
    assert obstacles(manifest._replace(database=Database("vault", "external")), here)[0] == "The set has no database."


LOG = "Database backed up. Database: vault, Device information: {{'/etc/bitwarden/mssql/backups/{}'}}\n{}\n"
DONE = "BACKUP DATABASE successfully processed 500 pages"
FAILED = "BACKUP failed to complete the command BACKUP DATABASE vault. Check the log."
NAME = "vault_FULL_20261126_000000.BAK"
COMPLETED = LOG.format(NAME, DONE)


def nightly(tmp_path, files=((NAME, 3600),), log=COMPLETED, database="vault", encoding="utf-8", **env):
    now = 1_000_000_000.0
    folder = tmp_path / "mssql/backups"
    folder.mkdir(parents=True)
    for name, age in files:
        (folder / name).write_text("x")
        os.utime(folder / name, (now - age, now - age))
    if log is not None:
        (tmp_path / "logs/mssql").mkdir(parents=True)
        (tmp_path / "logs/mssql/errorlog").write_bytes(log.encode(encoding))
    return inspect_nightly(str(tmp_path), Configured("vault", True, database), env, now)


@pytest.mark.parametrize(
    "options", [{}, {"log": None}, {"encoding": "utf-16-le"}, {"files": ((NAME, 90000), ("v.BAK", 0))}]
)
def test_a_nightly_backup_that_works(tmp_path, options):
    found = nightly(tmp_path, **options)
    assert found.problems == []
    assert found.report(1_000_000_000.0)["healthy"] is True
    assert found.confirmed is (None if options.get("log", "") is None or options.get("files") else True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"BACKUP_DB": "0"}, "switched off"),
        ({"database": "bitwarden"}, "is of bitwarden, and the server uses vault. Set DATABASE=vault"),
        ({"database": None}, "is of no database"),
        ({"files": ()}, "There is no nightly backup"),
        ({"files": (("ours.bak", 0),)}, "There is no nightly backup"),
        ({"files": ((NAME, 27 * 3600),)}, "is older than 26h"),
        ({"log": LOG.format(NAME, FAILED)}, "does not say that .* was completed"),
        ({"log": LOG.format(NAME, DONE) + FAILED}, "The last backup in SQL Server's log .* failed"),
    ],
)
def test_what_is_wrong_with_the_nightly_backup(tmp_path, options, message):
    found = nightly(tmp_path, **options)
    assert re.search(message, " ".join(found.problems))
    assert found.report(1_000_000_000.0)["healthy"] is False


def test_another_interval_has_another_age(tmp_path):
    assert nightly(tmp_path, files=((NAME, 27 * 3600),), BACKUP_INTERVAL="next week").problems == []


def test_jobs_that_update_by_themselves(tmp_path):
    def put(name, text, mode=0o755):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return str(path)

    weekly = put(
        "etc/cron.weekly/bitwardenupdate", "#!/bin/bash\ncd ~\n./bitwarden.sh updateself && ./bitwarden.sh update\n"
    )
    put("etc/cron.daily/off", "bitwarden.sh update", 0o644)
    put(
        "etc/cron.d/other",
        "# 0 4 * * 0 root /opt/bitwarden/bitwarden.sh update\n0 4 * * * root bitwarden.sh restart\n",
        0o644,
    )
    table = put("var/spool/cron/crontabs/bitwarden", '0 4 * * 0 "/opt/bitwarden.sh" update\n', 0o600)
    put("etc/systemd/system/up.timer", "")
    unit = put("etc/systemd/system/up.service", "[Service]\nExecStart=/opt/bitwarden/bitwarden.sh update\n")
    assert self_updating_jobs(str(tmp_path)) == [
        *(Job(weekly, 3, "updateself"), Job(weekly, 3, "update"), Job(table, 1, "update"), Job(unit, 2, "update")),
    ]


def facts(host, dest, **options):
    return backup_facts(lambda: Deployment(str(host.bwdata), None, {}), str(dest), NOW + timedelta(hours=1), **options)


@pytest.fixture
def here(host, database, monkeypatch):
    monkeypatch.setattr(info_module, "running_server", lambda *_: database)
    monkeypatch.setattr(info_module, "self_updating_jobs", list)
    return host


def test_everything_about_the_sets(here, database, dest, back_up):
    back_up(0)
    back_up(1, archive=True, verify="none")
    found = facts(here, dest)
    newest, oldest = found["sets"]
    assert (newest["format"], newest["verified"], newest["restorable"]) == ("tar", False, True)
    assert (oldest["format"], oldest["verified"], oldest["age"], oldest["problems"]) == ("directory", True, 3600, [])
    assert found["newest_verified"] == {key: oldest[key] for key in ("path", "created", "age", "size")}
    assert found["nightly"]["path"].endswith(NAME)
    assert found["broken"] == found["update_jobs"] == []
    database.engine = "16"
    assert "SQL Server 2025, and 2022" in str(facts(here, dest)["sets"][0]["obstacles"])


def test_a_damaged_byte_is_found_by_reading_all(here, dest, back_up):
    path = Path(back_up().made.path) / "database/vault.bak"
    path.write_bytes(b"The database")
    assert facts(here, dest)["sets"][0]["restorable"] is True
    found = facts(here, dest, read_whole=True)
    assert found["sets"][0]["verified"] is found["sets"][0]["restorable"] is False
    assert "does not have the content" in found["sets"][0]["problems"][0]
    assert found["newest_verified"] is None


def test_what_can_be_read_is_told_where_the_rest_cannot(here, dest, back_up):
    back_up()
    (here.bwdata / "docker/docker-compose.yml").unlink()
    with pytest.raises(FactsError, match=r"docker-compose\.yml does not exist") as caught:
        facts(here, dest)
    result = caught.value.result()
    assert len(result["sets"]) == 1 and result["nightly"] is None
    assert result["newest_verified"]["age"] == 3600


def test_a_stopped_server_has_no_known_engine(host, dest, monkeypatch):
    monkeypatch.setattr(info_module, "self_updating_jobs", list)
    host.containers.clear()
    assert facts(host, dest)["sets"] == []
