# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files replaced as a whole: what is there while they are written, after a kill, and after an error."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.atomic_file import PREFIX, put, remove_stale

from tests.support.killing import hit_at_every_line

OLD, NEW = b"A=old\n", b"A=canary\n"
root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of other users")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "x.env"
    file.write_bytes(OLD)
    return file


def left(path: Path) -> list[Path]:
    return [one for one in path.parent.iterdir() if one != path]


@root
def test_whenever_it_is_killed_the_file_is_whole_and_what_is_left_is_protected(path: Path) -> None:
    killed = 0
    for _line in hit_at_every_line(lambda: put(str(path), NEW, owner=(4321, 4322), mode=0o640), [atomic_file]):
        killed += 1
        assert path.read_bytes() in (OLD, NEW)
        for one in left(path):
            status = one.stat()
            assert one.name.startswith(PREFIX) and not one.name.endswith(".env")
            assert not stat.S_IMODE(status.st_mode) & 0o007
            if status.st_size:
                assert (status.st_uid, status.st_gid) == (4321, 4322)
            one.unlink()
        path.write_bytes(OLD)
    assert killed > 15
    assert (path.read_bytes(), left(path)) == (NEW, [])
    status = path.stat()
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (4321, 4322, 0o640)


@root
def test_the_group_is_that_of_the_file_and_not_of_its_folder(path: Path) -> None:
    os.chown(path.parent, -1, 4322)
    path.parent.chmod(0o2755)
    put(str(path), NEW, owner=(os.geteuid(), os.getegid()))
    assert path.stat().st_gid == os.getegid()


@pytest.mark.parametrize("step", ["fchmod", "fsync", "rename"])
def test_an_error_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file.os, step, fail)
    with pytest.raises(OSError, match="No space") as told:
        put(str(path), NEW)
    assert told.value.filename == str(path)
    assert (path.read_bytes(), left(path)) == (OLD, [])


def test_content_and_folder_are_synced_in_this_order(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, rename = os.fsync, os.rename

    def sync(descriptor: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    monkeypatch.setattr(atomic_file.os, "fsync", sync)
    monkeypatch.setattr(atomic_file.os, "rename", lambda *paths: (done.append("rename"), rename(*paths)))
    put(str(path), NEW)
    assert done == ["file", "rename", "folder"]


def test_extended_attributes_stay(path: Path) -> None:
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    put(str(path), NEW, attributes_of=str(path))
    assert os.getxattr(path, "user.note") == b"mine"


WRITER = """
import sys, time
sys.path[:0] = {path!r}
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common import atomic_file
def pause(descriptor):
    print("written", flush=True)
    time.sleep(60)
atomic_file.os.fsync = pause
atomic_file.put({target!r}, b"canary")
"""


def test_only_what_a_dead_process_left_is_removed(path: Path) -> None:
    for name in (".bitwarden-other", "notes.env"):
        (path.parent / name).write_text("x")
    program = WRITER.format(path=sys.path, target=str(path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"written\n"
        remove_stale(str(path.parent))
        assert len(left(path)) == 3, "removed while it is written"
        writer.kill()
        writer.wait()
        remove_stale(str(path.parent))
    assert {one.name for one in left(path)} == {".bitwarden-other", "notes.env"}


def test_an_empty_file_may_be_about_to_be_written(path: Path) -> None:
    new, old = (path.parent / f"{PREFIX}{number}" for number in (1, 2))
    for one in (new, old):
        one.touch()
    os.utime(old, (time.time() - 3600,) * 2)
    remove_stale(str(path.parent))
    assert left(path) == [new]
    remove_stale(str(path.parent), exclusive=True)
    assert left(path) == []


def test_a_signal_that_raises_cleans_up(path: Path) -> None:
    def run() -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
        put(str(path), NEW)

    count = 0
    for _line in hit_at_every_line(run, [atomic_file], number=signal.SIGTERM):
        count += 1
        assert path.read_bytes() in (OLD, NEW)
        assert left(path) == []
        path.write_bytes(OLD)
    assert count > 15
