# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from types import SimpleNamespace
from typing import Callable, List

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import Terminated
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment import lock as lock_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import (
    LockError,
    LockTimeout,
    server_lock,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings import override_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.override_file import (
    OverrideFile,
    OverrideFileError,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.resolve import SettingsRequest
from ansible_collections.selfhosted.bitwarden.plugins.modules import override_env

from tests.support.killing import hit_at_every_line

BEFORE = b"# comment\nA=1\n"
REQUEST = SettingsRequest(settings={"A": "2"}, secret_settings={"B": "canary"})
NOTHING = SettingsRequest(settings={"A": "1"})


@pytest.fixture
def bwdata(tmp_path: Path) -> Path:
    (tmp_path / "bwdata" / "env").mkdir(parents=True)
    path = tmp_path / "bwdata" / "env" / "global.override.env"
    path.write_bytes(BEFORE)
    path.chmod(0o600)
    return tmp_path / "bwdata"


def override(bwdata: Path, file: str = "global") -> OverrideFile:
    return OverrideFile(str(bwdata), file)


def names(bwdata: Path) -> List[str]:
    """Return the files in the folder of the override file."""
    return sorted(path.name for path in (bwdata / "env").iterdir())


def test_plan_touches_nothing(bwdata: Path) -> None:
    plan = override(bwdata).plan(REQUEST)
    assert plan.difference.summary() == [{"key": "A", "action": "changed"}, {"key": "B", "action": "added"}]
    assert Path(override(bwdata).path).read_bytes() == plan.before == BEFORE
    assert "canary" not in json.dumps(plan.difference.diff("x"))


def test_write_with_a_backup(bwdata: Path) -> None:
    file = override(bwdata)
    plan = file.plan(REQUEST)
    backup = file.write(plan, backup=True)
    assert Path(file.path).read_bytes() == plan.after == b"# comment\nA=2\nB=canary\n"
    assert backup is not None
    assert Path(backup).read_bytes() == BEFORE
    assert stat.S_IMODE(Path(backup).stat().st_mode) == 0o600
    assert len(names(bwdata)) == 2
    file.exchange(plan.after, plan.before)
    assert Path(file.path).read_bytes() == BEFORE
    assert len(names(bwdata)) == 2


def test_two_backups_of_one_second_are_two_files(bwdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(override_file.time, "strftime", lambda form, when: "now")
    file = override(bwdata)
    first = file.write(file.plan(REQUEST), backup=True)
    second = file.write(file.plan(NOTHING), backup=True)
    assert first != second
    assert Path(str(first)).read_bytes() == BEFORE


def test_nothing_is_written_when_nothing_changes(bwdata: Path) -> None:
    file = override(bwdata)
    before = Path(file.path).stat()
    assert file.write(file.plan(NOTHING), backup=True) is None
    after = Path(file.path).stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)
    assert names(bwdata) == ["global.override.env"]


@pytest.mark.parametrize("step", ["write", "exchange"])
def test_a_change_by_another_process_is_not_overwritten(bwdata: Path, step: str) -> None:
    file = override(bwdata)
    plan = file.plan(REQUEST)
    if step == "exchange":
        file.write(plan, backup=False)
    Path(file.path).write_bytes(b"A=3\n")
    with pytest.raises(OverrideFileError, match="changed by another process"):
        file.write(plan, backup=True) if step == "write" else file.exchange(plan.after, plan.before)
    assert Path(file.path).read_bytes() == b"A=3\n"
    assert names(bwdata) == ["global.override.env"]


def test_missing_files_each_have_their_message(bwdata: Path) -> None:
    with pytest.raises(OverrideFileError, match=r"this server has global\.override\.env\. Set file to one of these"):
        override(bwdata, "mssql").read()
    with pytest.raises(OverrideFileError, match="Set bwdata"):
        override(bwdata / "nowhere").read()
    path = Path(override(bwdata).path)
    path.unlink()
    with pytest.raises(OverrideFileError, match="data folder of an installed server"):
        override(bwdata).read()
    path.mkdir()
    with pytest.raises(OverrideFileError, match="not a regular file"):
        override(bwdata).read()


@pytest.mark.parametrize("backup", [False, True])
def test_whenever_it_is_killed_nothing_is_torn(bwdata: Path, backup: bool) -> None:
    file = override(bwdata)
    plan = file.plan(REQUEST)
    killed = 0
    for _line in hit_at_every_line(lambda: file.write(plan, backup), [override_file, atomic_file], every=3):
        killed += 1
        assert Path(file.path).read_bytes() in (plan.before, plan.after)
        for path in map(Path, file.backups()):
            assert path.read_bytes() == BEFORE
            path.unlink()
        atomic_file.remove_stale(file.folder, exclusive=True)
        assert names(bwdata) == ["global.override.env"]
        Path(file.path).write_bytes(BEFORE)
    assert killed > 15


def test_a_full_disk_leaves_no_backup(bwdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    file = override(bwdata)
    plan = file.plan(REQUEST)
    monkeypatch.setattr(atomic_file.os, "fsync", fail)
    with pytest.raises(OverrideFileError, match=r"No space left on device\. Free space"):
        file.write(plan, backup=True)
    assert (names(bwdata), Path(file.path).read_bytes()) == (["global.override.env"], BEFORE)


def test_without_the_write_there_is_no_backup_either(bwdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = override(bwdata)
    plan = file.plan(REQUEST)
    rename = os.rename

    def fail(source: str, target: str) -> None:
        if target == file.path:
            raise OSError(16, "Device or resource busy")
        rename(source, target)

    monkeypatch.setattr(atomic_file.os, "rename", fail)
    with pytest.raises(OverrideFileError, match=r"global\.override\.env cannot be written: Device or resource busy"):
        file.write(plan, backup=True)
    assert (names(bwdata), Path(file.path).read_bytes()) == (["global.override.env"], BEFORE)


@pytest.mark.parametrize(("replaced", "changed"), [(1, False), (2, True)], ids=["the backup", "the file"])
def test_a_signal_once_something_was_replaced(
    bwdata: Path, monkeypatch: pytest.MonkeyPatch, replaced: int, changed: bool
) -> None:
    calls: List[str] = []

    def end(folder: str) -> None:
        calls.append(folder)
        if len(calls) == replaced:
            raise Terminated("SIGTERM")

    monkeypatch.setattr(atomic_file, "sync_folder", end)
    params = {"bwdata": str(bwdata), "file": "global", "backup": True, "backup_count": 10, "lock_timeout": "1s"}
    warnings: List[str] = []
    module = SimpleNamespace(params=params, check_mode=False, warn=warnings.append)
    with pytest.raises(Terminated) as caught:
        override_env.run(module, REQUEST)
    file = bwdata / "env" / "global.override.env"
    assert caught.value.result()["changed"] is changed is (file.read_bytes() != BEFORE)
    assert [path.read_bytes() for path in file.parent.iterdir() if path != file] == [BEFORE] * changed
    assert warnings == []


@pytest.mark.parametrize(("keep", "left"), [(3, 3), (1, 1), (0, 8), (100, 8)])
def test_old_backups_are_removed_and_nothing_else(bwdata: Path, keep: int, left: int) -> None:
    env = bwdata / "env"
    ours = [f"global.override.env.2026-0{month}-01T00-00-00Z.bak" for month in range(1, 6)]
    ours += ["global.override.env.2026-05-01T00-00-00Z.2.bak", "global.override.env.2026-05-01T00-00-00Z.10.bak"]
    others = [
        "global.override.env.bak",
        "global.override.env.2026-01-01.bak",
        "mssql.override.env.2026-01-01T00-00-00Z.bak",
        "global.override.env.2026-01-01T00-00-00Z.bak.old",
    ]
    for name in ours + others:
        (env / name).write_text("x")
    (env / "global.override.env.2020-01-01T00-00-00Z.bak").mkdir()
    file = override(bwdata)
    newest = file.write(file.plan(REQUEST), backup=True, keep=keep)
    assert file.backups()[-1] == newest
    assert [Path(path).name for path in file.backups()[:-1]] == ours[len(ours) - left + 1 :]
    assert set(others) < set(names(bwdata))


def test_the_backup_just_made_stays_beside_ones_of_a_clock_that_was_wrong(bwdata: Path) -> None:
    for year in (2097, 2098):
        (bwdata / "env" / f"global.override.env.{year}-01-01T00-00-00Z.bak").write_text("x")
    file = override(bwdata)
    newest = file.write(file.plan(REQUEST), backup=True, keep=2)
    assert newest is not None
    assert Path(newest).read_bytes() == BEFORE
    assert [Path(path).name[20:24] for path in file.backups()[1:]] == ["2098"]


def be_mounted(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    line = f"1 2 0:3 /f {path} rw - ext4 /dev/x rw\n"
    monkeypatch.setattr(override_file.Path, "read_text", lambda path, **options: line)


def be_immutable(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(override_file.fcntl, "ioctl", lambda file, request, flags: flags.__setitem__(0, 0x10))


def be_read_only(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(override_file.os, "statvfs", lambda path: type("S", (), {"f_flag": os.ST_RDONLY}))


def be_full(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    system = {"f_flag": 0, "f_frsize": 1, "f_blocks": 9, "f_bfree": 8, "f_bavail": 8}
    monkeypatch.setattr(override_file.os, "statvfs", lambda path: type("S", (), system))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (be_mounted, "is a mount point, so that it cannot be replaced"),
        (be_immutable, r"is immutable or append-only. Remove the attribute \(chattr -i -a "),
        (be_read_only, "is on a read-only file system"),
        (be_full, r"cannot be written: No space left on device\. Free space and run again"),
    ],
)
def test_what_can_be_known_is_refused_before_anything_is_written(
    bwdata: Path, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch, str], None], message: str
) -> None:
    file = override(bwdata)
    plan = file.plan(REQUEST)
    file.require_writable(plan)
    fault(monkeypatch, file.path)
    with pytest.raises(OverrideFileError, match=message):
        file.require_writable(plan)
    monkeypatch.setattr(override_file.Path, "read_bytes", lambda path: BEFORE)
    with pytest.raises(OverrideFileError, match=message):
        file.write(plan, backup=True)
    monkeypatch.undo()
    assert (names(bwdata), Path(file.path).read_bytes()) == (["global.override.env"], BEFORE)


def test_a_link_stays_a_link(bwdata: Path) -> None:
    link = bwdata / "env" / "mssql.override.env"
    link.symlink_to("global.override.env")
    file = override(bwdata, "mssql")
    file.write(file.plan(SettingsRequest(file="mssql", settings={"A": "2"})), backup=False)
    assert link.is_symlink()
    assert link.read_bytes() == b"# comment\nA=2\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")
class TestOwners:
    OWNER, GROUP = 12345, 23456

    def test_root_keeps_the_owner_of_the_backup(self, bwdata: Path) -> None:
        file = override(bwdata)
        os.chown(file.path, self.OWNER, self.GROUP)
        status = Path(str(file.write(file.plan(REQUEST), backup=True))).stat()
        assert (status.st_uid, status.st_gid) == (self.OWNER, self.GROUP)

    def as_owner(self, bwdata: Path, act: Callable[[], object]) -> None:
        """Do something as the owner, who is not root. What it raises fails the test."""
        for folder in (one for one in bwdata.parents if "pytest-" in str(one)):
            folder.chmod(0o755)
        child = os.fork()
        if child == 0:
            outcome = 1
            try:
                os.setgroups([])
                os.setgid(self.GROUP)
                os.setuid(self.OWNER)
                act()
                outcome = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(outcome)
        assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 0

    def test_the_owner_backs_up_a_file_of_a_group_that_is_not_his(self, bwdata: Path) -> None:
        file = override(bwdata)
        os.chown(file.path, self.OWNER, 0)
        os.chown(file.folder, self.OWNER, self.GROUP)
        self.as_owner(bwdata, lambda: file.back_up(BEFORE))
        (path,) = map(Path, file.backups())
        status = path.stat()
        assert (status.st_uid, stat.S_IMODE(status.st_mode), path.read_bytes()) == (self.OWNER, 0o600, BEFORE)

    @pytest.mark.parametrize(
        ("owner", "group", "mode", "message"),
        [
            (0, 0, 0o600, "cannot be read: permission denied"),
            (0, 0, 0o666, "belongs to another user"),
            (OWNER, 0, 0o600, "belongs to a group that this user cannot keep"),
        ],
    )
    def test_who_may_not_write(self, bwdata: Path, owner: int, group: int, mode: int, message: str) -> None:
        file = override(bwdata)
        os.chown(file.path, owner, group)
        Path(file.path).chmod(mode)

        def refused() -> None:
            with pytest.raises(OverrideFileError) as caught:
                file.write(file.plan(REQUEST), backup=False)
            assert message in str(caught.value)

        self.as_owner(bwdata, refused)
        assert Path(file.path).read_bytes() == BEFORE


HOLDER = """
import sys, time
sys.path[:0] = {path!r}
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._deployment.lock import server_lock
with server_lock({bwdata!r}, 1):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_is_exclusive_and_ends_with_its_process(bwdata: Path) -> None:
    program = HOLDER.format(path=sys.path, bwdata=str(bwdata))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(LockTimeout, match="Another run"), server_lock(str(bwdata), 0.1):
            pass
        threading.Timer(0.3, holder.kill).start()
        start = time.monotonic()
        with server_lock(str(bwdata), 10):
            assert time.monotonic() - start > 0.2
    assert [path.name for path in bwdata.iterdir()] == ["env"], "no lock file is left"
    with server_lock(str(bwdata), 0):
        pass


def test_the_lock_needs_the_folder(bwdata: Path) -> None:
    with pytest.raises(LockError, match="does not exist"), server_lock(str(bwdata / "none"), 0):
        pass


def test_a_file_system_without_locks_is_named(bwdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(lock_module.fcntl, "flock", fail)
    with pytest.raises(LockError, match="bwdata cannot be locked: No locks available"), server_lock(str(bwdata), 0):
        pass
