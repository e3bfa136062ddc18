# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A backup from plan to set, on a host whose database is pretended."""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import destination
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import make as make_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import retention as retention_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup import writers as writers_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.plan import BackupError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.reading import contents, damage
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.retention import Retention
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import find_sets, missing, read_files
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated

from tests.support.killing import hit_at_every_line

from .backup_host import FILES, KEY, ORGANIZATION

NAME = "bitwarden-b4d6f8a0-20261126T213716Z"


def updated(host):
    host.version = "2026.9.0"
    host.containers.clear()
    host.start()


def listed(folder):
    return sorted(path.name for path in Path(folder).iterdir()) if Path(folder).exists() else []


def nothing_left(host, dest):
    """Tell whether neither a part below dest nor a backup of the database in the server's folder is left."""
    return listed(dest) == [] and listed(host.bwdata / "mssql/backups") == ["vault_FULL_20261126_000000.BAK"]


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("verify", ["none", "checksum", "restore"])
def test_a_set_holds_what_a_server_is_made_of(host, database, dest, back_up, archive, verify):
    outcome = back_up(archive=archive, verify=verify)
    (backup,) = find_sets(str(dest))
    assert outcome.result() == {
        "changed": True,
        "path": str(dest / (NAME + (".tar.gz" if archive else ""))),
        "manifest": backup.manifest.report(),
        "installation_id": backup.manifest.installation_id,
        "made": True,
        "removed": [],
        "downtime": None,
        "warnings": [],
    }
    files = read_files(backup)
    read = {entry.path: content.read().decode() for entry, content in contents(backup, files) if content}
    left_out = ("logs/", "mssql/", "env/.bitwarden-journal")
    expected = {f"bwdata/{name}": text for name, text in FILES.items() if not name.startswith(left_out)}
    assert expected.items() <= read.items()
    assert {path for path in read if path not in expected} == {
        *("database/vault.bak", "scripts/bitwarden.sh", "bwdata/docker/docker-compose.yml", "bwdata/docker/global.env"),
        *("bwdata/env/global.override.env", "bwdata/env/mssql.override.env", "bwdata/env/uid.env"),
    }
    by_path = {entry.path: entry for entry in files}
    assert by_path["bwdata/identity/identity.pfx"].mode == 0o640
    assert by_path["bwdata/ssl/cert.pem"].link == "live/cert.pem"
    assert missing(backup) == damage(backup) == []
    manifest = backup.manifest
    assert manifest.versions == {"core": "2026.8.0", "web": None, "key_connector": None, "engine": 17}
    assert (manifest.database.kind, manifest.database.counts["Cipher"]) == ("built_in", 5)
    assert manifest.key_ids == manifest.database.protected_key_ids == (KEY,)
    assert manifest.organizations == ((ORGANIZATION, True),)
    assert (manifest.verified, manifest.owner) == (verify, (os.getuid(), os.getgid()))
    assert "Canary" not in backup.manifest_path + Path(backup.manifest_path).read_text()
    assert stat.S_IMODE(dest.stat().st_mode) == 0o700
    assert stat.S_IMODE(Path(backup.path).stat().st_mode) == (0o600 if archive else 0o700)
    assert listed(host.bwdata / "mssql/backups") == ["vault_FULL_20261126_000000.BAK"]
    assert sorted(database.databases) == ["master", "vault"]
    assert any(one.startswith("DBCC") for one in database.ran) is (verify == "restore")


def test_modes_and_links_of_a_folder_are_kept(dest, back_up):
    back_up()
    assert stat.S_IMODE((dest / NAME / "bwdata/identity/identity.pfx").stat().st_mode) == 0o640
    assert os.readlink(dest / NAME / "bwdata/ssl/cert.pem") == "live/cert.pem"


def test_an_archive_is_one_that_tar_reads(dest, back_up):
    back_up(archive=True)
    with tarfile.open(dest / f"{NAME}.tar.gz") as archive:
        assert {"manifest.json", "database/vault.bak", f"bwdata/core/licenses/organization/{ORGANIZATION}.json"} <= {
            *archive.getnames()
        }


@pytest.mark.parametrize(
    ("request_", "spoil", "unchanged"),
    [
        ({"max_age": 3600.0}, lambda *_: None, True),
        ({"max_age": 600.0}, lambda *_: None, False),
        ({}, lambda *_: None, False),
        ({"max_age": 3600.0, "verify": "restore"}, lambda *_: None, False),
        ({"max_age": 3600.0}, lambda host, dest: updated(host), False),
        ({"max_age": 3600.0}, lambda host, dest: (dest / NAME / "database/vault.bak").unlink(), False),
        ({"max_age": 3600.0, "database": "none"}, lambda *_: None, False),
    ],
)
def test_a_set_that_is_new_enough(host, database, dest, back_up, request_, spoil, unchanged):
    back_up()
    spoil(host, dest)
    predicted = back_up(30, check=True, **request_).result()
    before = len(database.ran)
    result = back_up(30, **request_).result()
    assert predicted["changed"] is result["changed"] is not unchanged
    assert predicted["made"] is result["made"] is not unchanged
    if unchanged:
        assert result["path"] == str(dest / NAME)
        assert len(database.ran) == before


def test_only_an_archive_is_new_enough_for_an_archive(back_up):
    back_up()
    assert back_up(1, max_age=3600.0, archive=True).result()["made"] is True
    assert back_up(2, max_age=3600.0, archive=True).result()["made"] is False
    assert back_up(3, max_age=3600.0).result()["made"] is False


def test_an_unverified_set_is_not_new_enough(back_up):
    back_up(verify="none")
    assert back_up(1, max_age=3600.0).result()["changed"] is True


def test_check_mode_only_reads(host, database, dest, back_up):
    result = back_up(check=True).result()
    assert (result["changed"], result["path"], result["manifest"]) == (True, None, None)
    assert not dest.exists()
    assert database.ran == []
    assert nothing_left(host, dest)


def put_in(path, text="x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("check", [False, True])
def test_every_problem_at_once(host, database, dest, back_up, check):
    (host.bwdata / f"core/aspnet-dataprotection/key-{KEY}.xml").unlink()
    put_in(dest.parent / "file")
    with pytest.raises(BackupError) as caught:
        back_up(check=check, dest=str(dest.parent / "file"), database="none", encrypt=("age", ["age1x"]))
    assert "file is not a folder" in str(caught.value)
    assert "does not accept the recipient age1x" in str(caught.value)
    with pytest.raises(BackupError, match=f"key-{KEY}.xml is not in .*cannot log in"):
        back_up(check=check)
    assert nothing_left(host, dest)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda host, database, dest: database.databases.pop("vault"), "no database vault"),
        (lambda host, database, dest: (host.bwdata / "mssql/backups").rename(host.bwdata / "x"), "does not exist"),
        (lambda host, database, dest: dest.symlink_to(host.bwdata / "core"), "is inside bwdata"),
        (lambda host, database, dest: put_in(dest), "is not a folder"),
        (lambda host, database, dest: setattr(database, "fails", ("sys.databases",)), "refused sys.databases"),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_what_is_known_before(host, database, dest, back_up, spoil, message, check):
    spoil(host, database, dest)
    with pytest.raises(BackupError, match=message):
        back_up(check=check)
    assert database.ran == []


def test_a_folder_of_sets_is_named_by_the_option_that_sets_it(tmp_path):
    put_in(tmp_path / "file")
    for path in (tmp_path / "file", tmp_path / "bwdata"):
        (told,) = destination.destination_problems(str(path), str(tmp_path / "bwdata"), "backup_dest")
        assert told.startswith("backup_dest: ")
        assert "Set backup_dest to a folder" in told
    (told,) = destination.space_problems({str(tmp_path): (1 << 60, "the set")}, "backup_dest")
    assert told.endswith("set backup_dest to another file system.")


def test_too_little_space(host, database, dest, back_up, monkeypatch):
    usage = plan_module.space_problems.__globals__["shutil"].disk_usage("/")
    monkeypatch.setattr("shutil.disk_usage", lambda _folder: usage._replace(free=1 << 20))
    with pytest.raises(BackupError, match=r"Too little space .* 1.0 MiB free, .* the set and 10 bytes for the backup"):
        back_up(check=True)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def broken_copy(monkeypatch, dest):
    """Let the disk keep other bytes than were written."""
    original = make_module.damage

    def spoiled(backup, files):
        path = Path(backup.path)
        flip(path if path.is_file() else path / "bwdata/core/attachments/a/b")
        return original(backup, files)

    monkeypatch.setattr(make_module, "damage", spoiled)


@pytest.mark.parametrize("archive", [False, True])
def test_a_damaged_byte_is_noticed(host, dest, back_up, monkeypatch, archive):
    broken_copy(monkeypatch, dest)
    with pytest.raises(BackupError, match="No backup set was made: What was written is not") as caught:
        back_up(archive=archive)
    assert caught.value.keys["changed"] is False
    assert nothing_left(host, dest)


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize(
    "fails", ["BACKUP", "VERIFYONLY", "HEADERONLY", "FILELISTONLY", "MOVE", "CHECKDB", "Key] LIKE N'P"]
)
def test_a_failure_leaves_nothing(host, database, dest, back_up, archive, fails):
    planned_fine = ("Key] LIKE N'P",)
    if fails in planned_fine:
        database.while_backing_up = lambda: setattr(database, "fails", (fails,))
    else:
        database.fails = (fails,)
    with pytest.raises(BackupError, match="No backup set was made: SQL Server refused"):
        back_up(archive=archive, verify="restore")
    assert nothing_left(host, dest)
    assert sorted(database.databases) == ["master", "vault"]


@pytest.mark.parametrize("archive", [False, True])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_signal_leaves_nothing(host, database, dest, back_up, archive, stopped):
    def terminate():
        raise Terminated("SIGTERM")

    database.while_backing_up = terminate
    with pytest.raises(Terminated) as caught:
        back_up(archive=archive, stopped=stopped)
    assert caught.value.keys["changed"] is False
    assert nothing_left(host, dest)
    assert {one["state"] for one in host.containers.values()} == {"running"}


def test_what_a_killed_run_left_is_removed(host, database, dest, back_up):
    put_in(host.bwdata / "mssql/backups/selfhosted-bitwarden-0123.bak")
    put_in(host.bwdata / "mssql/backups/other.bak")
    put_in(dest / ".bitwarden-part-1/bwdata/x")
    put_in(dest / ".bitwarden-part-1.lock")
    put_in(dest / ".bitwarden-part-2", "being created right now")
    database.databases["selfhosted_bitwarden_check_01"] = {}
    back_up()
    assert listed(host.bwdata / "mssql/backups") == ["other.bak", "vault_FULL_20261126_000000.BAK"]
    assert listed(dest) == [".bitwarden-part-2", NAME]
    assert sorted(database.databases) == ["master", "vault"]


@pytest.mark.parametrize("left", [[], ["archive"], ["manifest"], ["archive", "manifest"]])
@pytest.mark.parametrize("name", ["bitwarden-01234567-20261101T000000Z.tar.gz", "notes.tar.gz"])
def test_of_an_archive_nothing_or_all_stays(dest, back_up, left, name):
    """It may have been killed between the two when it gave the archive its name, or when it removed the set."""
    there = [{"archive": name, "manifest": f"{name}.json"}[one] for one in left]
    for one in there:
        put_in(dest / one)
    put_in(dest / ".bitwarden-part-1.lock", name)
    back_up()
    half = len(left) == 1 and name.startswith("bitwarden-")
    assert listed(dest) == sorted([*([] if half else there), NAME])


def test_killed_at_any_line_while_an_archive_gets_its_name_or_goes(host, database, dest, tmp_path, back_up):
    """What has the name of an archive has its manifest, or goes with the next run."""
    kept = {"archive": True, "retention": Retention(keep=1)}
    killed = 0
    back_up(**kept)
    for _line in hit_at_every_line(lambda: back_up(1, **kept), [make_module, retention_module], every=3):
        back_up(2, **kept)
        (archive, manifest) = listed(dest)
        assert manifest == f"{archive}.json"
        killed += 1
    assert killed > 20


def test_what_another_run_is_writing_stays(dest, back_up):
    dest.mkdir()
    with destination.part(str(dest)) as path:
        put_in(Path(path) / "x")
        os.utime(path, (0, 0))
        back_up()
        assert (Path(path) / "x").exists()
    assert listed(dest) == [NAME]


def test_an_archive_whose_manifest_cannot_be_written(dest, back_up, monkeypatch):
    def full(path, _data):
        raise OSError(errno.ENOSPC, "No space left on device", path)

    monkeypatch.setattr(make_module.atomic_file, "put", full)
    with pytest.raises(BackupError, match=r"No backup set was made: .*\.tar\.gz\.json: No space left on device"):
        back_up(archive=True)
    assert listed(dest) == []


def test_writers_are_stopped_for_the_copy(host, database, dest, back_up):
    states = {}
    database.while_backing_up = lambda: states.update({name: one["state"] for name, one in host.containers.items()})
    result = back_up(stopped=True).result()
    assert states == {"api": "exited", "identity": "exited", "mssql": "running", "nginx": "running", "icons": "running"}
    assert host.done == ["stop api identity", "start api identity", "restart nginx"]
    assert result["downtime"] >= 0


class Killed(BaseException):
    """Nothing of this process is done after it."""


def test_writers_that_a_killed_run_left_stopped(host, database, dest, back_up, monkeypatch):
    def kill():
        monkeypatch.setattr(writers_module, "start_again", lambda *_: None)
        raise Killed

    database.while_backing_up = kill
    with pytest.raises(Killed):
        back_up(stopped=True)
    monkeypatch.undo()
    host.install(monkeypatch)
    monkeypatch.setattr(plan_module, "running_server", lambda *_: database)
    database.while_backing_up = lambda: None
    host.done.clear()
    for check, done in ((True, []), (False, ["start api identity", "restart nginx"])):
        outcome = back_up(check=check)
        assert (outcome.result()["changed"], outcome.started, host.done) == (True, ["api", "identity"], done)
        assert "api=stopped" in outcome.diff()["before"]
        assert "Stopped by an earlier run, which was killed" in str(outcome.warnings)
    assert not any("stopped" in one.path for one in read_files(outcome.made))
    again = back_up(1, max_age=3600.0)
    assert (again.result()["changed"], again.warnings) == (False, [])


def test_writers_that_do_not_start_again(host, dest, back_up):
    host.cannot_create = ("api",)
    with pytest.raises(BackupError, match=r"The set .* was made, and then: Not running again .*: api") as caught:
        back_up(stopped=True)
    assert caught.value.keys["changed"] is True
    assert len(find_sets(str(dest))) == 1


def test_writers_that_do_not_start_again_after_a_copy_that_failed(host, database, dest, back_up):
    host.cannot_create, database.fails = ("api",), ("BACKUP",)
    with pytest.raises(BackupError, match=r"SQL Server refused BACKUP.*Not running again .*: api"):
        back_up(stopped=True)
    assert find_sets(str(dest)) == []


def test_a_proof_that_fails_is_told_where_its_database_cannot_be_removed_either(database, back_up):
    database.fails = ("DBCC", "DROP")
    with pytest.raises(BackupError, match=r"SQL Server refused DBCC.*SQL Server refused DROP"):
        back_up(verify="restore")


@pytest.mark.parametrize(
    ("rows", "restored", "message"),
    [(0, 0, ""), (2, 1, ""), (0, 1, "6 rows in Cipher"), (1, -1, "4 rows in Cipher")],
)
def test_rows_of_the_restored_copy(database, back_up, rows, restored, message):
    """A server that goes on writes rows meanwhile; the copy is between both counts."""

    def more():
        database.databases["vault"]["Cipher"] += rows
        database.restored_rows = restored - rows

    database.while_backing_up = more
    if message:
        with pytest.raises(BackupError, match=message):
            back_up(verify="restore")
    else:
        manifest = back_up(verify="restore").made.manifest
        assert manifest.database.counts["Cipher"] == manifest.database.counts_before["Cipher"] == 5 + restored


@pytest.mark.parametrize(
    ("header", "message"), [({"HasBackupChecksums": "0"}, "HasBackupChecksums"), ({"BackupName": "x"}, "BackupName")]
)
def test_the_header_has_to_be_that_of_this_backup(database, back_up, header, message):
    database.header = header
    with pytest.raises(BackupError, match=message):
        back_up()


def test_a_migration_in_between(database, back_up):
    database.while_backing_up = lambda: setattr(database, "migration", "later.sql")
    with pytest.raises(BackupError, match="was migrated while"):
        back_up()


def test_an_organization_without_a_license(database, back_up):
    database.organizations.append("0f0f0f0f-0000-4000-8000-000000000000")
    outcome = back_up()
    assert dict(outcome.made.manifest.organizations)[database.organizations[1]] is False
    assert "without a license file: 0f0f0f0f" in str(outcome.warnings)


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda host: (host.bwdata / "config.yml").write_text("enable_built_in_ms_sql: false\n"), "external"),
        (
            lambda host: host.compose_environment["api"].update(
                globalSettings__sqlServer__connectionString="Server=db.example.com;Database=bw"
            ),
            "external",
        ),
    ],
)
def test_an_external_database(host, database, dest, back_up, spoil, kind):
    spoil(host)
    with pytest.raises(BackupError, match="does not use the built-in database"):
        back_up(database="built_in", check=True)
    outcome = back_up(verify="restore")
    manifest = outcome.made.manifest
    assert (manifest.database.kind, manifest.database.file, manifest.verified) == (kind, None, "checksum")
    assert "which is external" in str(outcome.warnings)
    assert database.ran == []


def test_without_the_database(database, back_up):
    outcome = back_up(database="none")
    assert outcome.made.manifest.database.kind == "none"
    assert "No server can be restored from it" in str(outcome.warnings)
    assert database.ran == []


def test_retention_takes_only_own_sets(host, dest, back_up):
    put_in(dest / "bitwarden-b4d6f8a0-20200101T000000Z/notes.txt")
    put_in(dest / "bitwarden-b4d6f8a0-20200102T000000Z.tar.gz")
    put_in(dest / "other.tar.gz")
    foreign = listed(dest)
    first, second = back_up(0), back_up(1, archive=True)
    put_in(dest / NAME / "bwdata/notes.txt")
    rule = Retention(keep=1)
    predicted = back_up(2, check=True, retention=rule).result()
    outcome = back_up(2, retention=rule)
    assert predicted["removed"] == outcome.result()["removed"] == [second.made.path]
    assert "notes.txt" in str(outcome.warnings)
    assert listed(dest) == sorted([*foreign, first.made.name, outcome.made.name])
    (dest / NAME / "bwdata/notes.txt").unlink()
    unchanged = back_up(3, retention=rule, max_age=3600.0)
    assert unchanged.result()["changed"] is True
    assert unchanged.result()["removed"] == [first.made.path]
    assert "-" in unchanged.diff()["before"] and unchanged.diff()["after"] == ""
    again = back_up(4, retention=rule, max_age=3600.0).result()
    assert (again["changed"], again["made"], again["removed"]) == (False, False, [])


def test_the_newest_verified_set_stays(back_up):
    verified = back_up(0)
    back_up(1, verify="none", retention=Retention(keep=1))
    outcome = back_up(2, verify="none", retention=Retention(keep=1))
    assert outcome.removed == [outcome.plan.sets[0].path] != [verified.made.path]
    assert Path(verified.made.path).exists()


def damaged_list(path):
    text = (path / "manifest.json").read_text()
    (path / "manifest.json").write_text(text.replace('"path": "bwdata/config.yml"', '"path": "/etc/shadow"'))


def test_a_damaged_manifest_stops_nothing(dest, back_up):
    """It may be that of a foreign set; it is neither new enough nor removed."""
    back_up(0)
    damaged_list(dest / NAME)
    assert back_up(1, max_age=3600.0).made is not None
    outcome = back_up(2, retention=Retention(keep=1))
    assert f"{NAME} is not removed, because it cannot be read" in str(outcome.warnings)
    assert (dest / NAME).exists()


def test_sets_of_another_installation_stay(host, dest, back_up):
    other = back_up(0)
    path = host.bwdata / "env/global.override.env"
    path.write_text(path.read_text().replace("b4d6f8a0", "aaaaaaaa"))
    host.start()
    assert back_up(1, retention=Retention(keep=1)).removed == []
    assert Path(other.made.path).exists()


def test_a_linked_destination(dest, back_up, tmp_path):
    (tmp_path / "disk").mkdir()
    dest.symlink_to(tmp_path / "disk")
    assert back_up().made.path == str(tmp_path / "disk" / NAME)
    assert back_up(1, max_age=3600.0).result()["changed"] is False


def test_folders_that_are_links_are_followed(host, back_up, tmp_path):
    """Those that Compose mounts: what they lead to is the server's data."""
    put_in(tmp_path / "disk/attachments/x", "of the disk")
    (host.bwdata / "core/attachments").rename(tmp_path / "old")
    (host.bwdata / "core/attachments").symlink_to(tmp_path / "disk/attachments")
    (host.bwdata / "ssl/outside.pem").symlink_to(tmp_path / "old/a/b")
    outcome = back_up()
    assert (Path(outcome.made.path) / "bwdata/core/attachments/x").read_text() == "of the disk"
    assert "only the link is in the set" in str(outcome.warnings) and "outside.pem" in str(outcome.warnings)
