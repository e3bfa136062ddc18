# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Backup sets made by hand: found, read, and compared with their manifests."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import io
import json
import os
import re
import tarfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.manifest import (
    Database,
    FileEntry,
    Manifest,
    ManifestError,
    files_of,
    parse_manifest,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.reading import contents, damage
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import (
    SetError,
    find_sets,
    missing,
    read_files,
    read_set,
    set_name,
    sidecar,
)

INSTALLATION = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
MOMENT = datetime(2026, 11, 26, 21, 37, 16, tzinfo=timezone.utc)
FILES = {"database/vault.bak": b"the database", "bwdata/env/global.override.env": b"a=b\n", "bwdata/empty": b""}


@dataclasses.dataclass
class Made:
    path: Path
    manifest: Manifest


def entries():
    files = [FileEntry("bwdata/env/", mode=0o700), FileEntry("bwdata/link", link="../elsewhere")]
    return files + [FileEntry(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in FILES.items()]


def manifest(created=MOMENT, **fields):
    database = Database("vault", "built_in", "database/vault.bak", {"User": 2}, "2026-01-01_00.sql", ("a", "b"))
    versions = {"core": "2026.8.0", "web": "2026.8.0", "key_connector": None, "engine": 17}
    described = {"url": "https://vault.example.com", "versions": versions, "database": database, "key_ids": ("a", "b")}
    described.update(organizations=(("o1", True), ("o2", False)), verified="checksum", verified_at=created)
    return Manifest(created, INSTALLATION, **{**described, "file_count": 5, "size": 16, **fields})


def make_folder(folder, created=MOMENT, **fields):
    path = folder / set_name(INSTALLATION, created)
    for name, data in FILES.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    (path / "bwdata/link").symlink_to("../elsewhere")
    described = manifest(created, **fields)
    (path / "manifest.json").write_bytes(b"".join(described.render(entries())))
    return Made(path, described)


def make_archive(folder, created=MOMENT, ending=".tar.gz", extra=(), **fields):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in [one.path for one in entries()] + list(extra):
            member = tarfile.TarInfo(name)
            data = FILES.get(name, b"")
            member.size = len(data)
            if name.endswith("/"):
                member.type = tarfile.DIRTYPE
            if name.endswith("link"):
                member.type, member.linkname = tarfile.SYMTYPE, "../elsewhere"
            archive.addfile(member, io.BytesIO(data))
    data = gzip.compress(buffer.getvalue())
    path = folder / (set_name(INSTALLATION, created) + ending)
    path.write_bytes(data)
    described = manifest(created, archive=(len(data), hashlib.sha256(data).hexdigest()), **fields)
    Path(sidecar(str(path))).write_bytes(b"".join(described.render(entries())))
    return Made(path, described)


def test_a_manifest_is_read_as_it_was_written():
    described = manifest(archive=(5, "abc"), owner=(1000, 1001))
    text = b"".join(described.render(entries()))
    assert parse_manifest(text) == described
    assert files_of(text) == entries()
    assert json.loads(text)["database"]["counts"] == {"User": 2}
    assert files_of(b"".join(described.render([]))) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.update(format=2), "format 2, and only 1"),
        (lambda data: data.pop("format"), "not JSON with a format"),
        (lambda data: data.pop("database"), "damaged: KeyError"),
        (lambda data: data.update(created="yesterday"), "damaged: ValueError"),
        (lambda data: data["database"].update(counts=3), "damaged: AttributeError"),
    ],
)
def test_manifests_that_cannot_be_read(change, message):
    data = json.loads(b"".join(manifest().render([])))
    change(data)
    with pytest.raises(ManifestError, match=message):
        parse_manifest(json.dumps(data).encode())


@pytest.mark.parametrize("path", ["/etc/shadow", "bwdata/../../x", ".."])
def test_no_path_leads_out_of_a_set(path):
    with pytest.raises(ManifestError, match="damaged"):
        files_of(b"".join(manifest().render([FileEntry(path)])))


def test_sets_are_found_among_other_files(tmp_path):
    old = make_folder(tmp_path, MOMENT - timedelta(days=1))
    new = make_archive(tmp_path)
    encrypted = make_archive(tmp_path, MOMENT - timedelta(hours=1), ".tar.gz.age")
    (tmp_path / "bitwarden-b4d6f8a0-20260101T000000Z").symlink_to(old.path)
    (tmp_path / "bitwarden-b4d6f8a0-20260102T000000Z.tar.gz").write_bytes(b"without a manifest")
    (tmp_path / ".bitwarden-part-1").mkdir()
    (tmp_path / "notes.txt").touch()
    broken: dict = {}
    found = find_sets(str(tmp_path), broken)
    assert [one.path for one in found] == [str(one.path) for one in (new, encrypted, old)]
    assert [one.encryption for one in found] == [None, "age", None]
    assert [one.manifest for one in found] == [new.manifest, encrypted.manifest, old.manifest]
    assert list(broken) == [str(tmp_path / "bitwarden-b4d6f8a0-20260102T000000Z.tar.gz")]
    assert find_sets(str(tmp_path / "none")) == []


@pytest.mark.parametrize(
    ("name", "message"), [("none", "No such file"), ("empty/", "not a complete"), ("file.txt", "neither a folder")]
)
def test_paths_that_are_not_sets(tmp_path, name, message):
    path = tmp_path / name
    if name.endswith("/"):
        path.mkdir()
    elif "." in name:
        path.touch()
    with pytest.raises(SetError, match=message):
        read_set(str(path))


@pytest.mark.parametrize("make", [make_folder, make_archive])
def test_a_whole_set(tmp_path, make):
    backup = read_set(str(make(tmp_path).path))
    read = {entry: content and content.read() for entry, content in contents(backup, read_files(backup))}
    assert {entry.path: data for entry, data in read.items() if entry.is_file} == FILES
    assert {entry.path for entry in read} == {entry.path for entry in entries()}
    assert missing(backup) == damage(backup) == []


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "is_missing", "message"),
    [
        (lambda path: (path / "database/vault.bak").unlink(), True, "vault.bak"),
        (lambda path: (path / "bwdata/env/global.override.env").write_bytes(b"a"), True, "global.override.env"),
        (lambda path: flip(path / "database/vault.bak", 3), False, "vault.bak in .* does not have the content"),
        (lambda path: ((path / "bwdata/link").unlink(), (path / "bwdata/link").symlink_to("x")), False, "bwdata/link"),
        (lambda path: ((path / "bwdata/empty").unlink(), (path / "bwdata/empty").mkdir()), True, "bwdata/empty"),
    ],
)
def test_a_damaged_folder(tmp_path, spoil, is_missing, message):
    path = make_folder(tmp_path).path
    spoil(path)
    backup = read_set(str(path))
    assert bool(missing(backup)) is is_missing
    assert re.search(message, str(damage(backup)))


@pytest.mark.parametrize("position", [0, 20, 100, -20, -1])
@pytest.mark.parametrize("ending", [".tar.gz", ".tar.gz.gpg"])
def test_a_damaged_archive(tmp_path, position, ending):
    path = make_archive(tmp_path, ending=ending).path
    flip(path, position)
    assert missing(read_set(str(path))) == []
    assert damage(read_set(str(path)))


def test_a_cut_off_archive(tmp_path):
    path = make_archive(tmp_path).path
    os.truncate(path, path.stat().st_size - 10)
    assert "bytes, and the manifest says" in str(missing(read_set(str(path))))
    assert damage(read_set(str(path)))


def test_an_archive_with_less_in_it(tmp_path):
    made = make_archive(tmp_path)
    more = [*entries(), FileEntry("bwdata/more", 0, hashlib.sha256().hexdigest())]
    Path(sidecar(str(made.path))).write_bytes(b"".join(made.manifest.render(more)))
    assert damage(read_set(str(made.path))) == [f"bwdata/more in {made.path} is missing."]


def test_an_archive_with_more_in_it(tmp_path):
    path = make_archive(tmp_path, extra=["bwdata/more"]).path
    assert "bwdata/more, which its manifest does not list" in str(damage(read_set(str(path))))
