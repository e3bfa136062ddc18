# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Encryption as an archive is written: with gpg where it is here, else with a program that pretends."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.encryption import (
    Encryption,
    EncryptionError,
    find_encryption,
    recipient_problems,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.plan import BackupError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.reading import damage
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backup.sets import find_sets, read_set

# As age: reads to the end, and refuses other recipients. "Encrypted" is turned over bit by bit.
AGE = """#!{python}
import sys
if sys.argv[1::2] != ["-r"] * (len(sys.argv) // 2) or not all(one.startswith("age1") for one in sys.argv[2::2]):
    sys.exit("age: error: unknown recipient type: " + repr(sys.argv[2]))
sys.stdout.buffer.write(b"head")
{body}
"""
WORKS = """
for data in iter(lambda: sys.stdin.buffer.read(65536), b''):
    sys.stdout.buffer.write(bytes(255 - one for one in data))
"""
DIES = "sys.stdin.buffer.read(1) and sys.exit('age: error: no entropy')"


def install(folder: Path, body: str = WORKS) -> Path:
    path = folder / "age"
    path.write_text(AGE.format(python=shutil.which("python3"), body=body))
    path.chmod(0o755)
    return path


@pytest.fixture
def age(host):
    return install(host.bwdata.parent)


def test_an_encrypted_set(age, host, dest, back_up):
    outcome = back_up(archive=True, encrypt=(None, ["age1abc", "age1def"]))
    (backup,) = find_sets(str(dest))
    assert backup.encryption == "age" and backup.path.endswith(".tar.gz.age")
    assert damage(backup) == [] and outcome.made.manifest.is_verified
    data = Path(backup.path).read_bytes()
    assert data[:4] == b"head"
    plain = dest / "plain.tar.gz"
    plain.write_bytes(bytes(255 - one for one in data[4:]))
    with tarfile.open(plain) as archive:
        assert archive.extractfile("database/vault.bak").read() == b"the database"
    assert "an attachment" in gzip.decompress(plain.read_bytes()).decode()
    assert [path.name for path in dest.iterdir() if path.name.startswith(".")] == []


def test_a_damaged_byte_of_it(age, dest, back_up):
    path = Path(back_up(archive=True, encrypt=("age", ["age1abc"])).made.path)
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    assert "SHA-256" in str(damage(read_set(str(path))))


def test_a_program_that_fails_in_the_middle(host, dest, back_up):
    install(host.bwdata.parent, DIES)
    (host.bwdata / "core/attachments/large").write_bytes(bytes(range(256)) * 4096)
    with pytest.raises(BackupError, match="age ended with status 1: age: error: no entropy"):
        back_up(archive=True, encrypt=("age", ["age1abc"]))
    assert list(dest.iterdir()) == []


@pytest.mark.parametrize("check", [False, True])
def test_recipients_are_tried_before(age, dest, back_up, check):
    with pytest.raises(BackupError) as caught:
        back_up(check=check, archive=True, encrypt=("age", ["age1abc", "bob", "-o/etc/passwd", " "]))
    message = str(caught.value)
    assert "does not accept the recipient bob: age: error: unknown recipient" in message
    assert "'-o/etc/passwd' is not a recipient" in message and "' ' is not a recipient" in message
    assert "age1abc" not in message
    assert not dest.exists()


def test_which_program():
    here = {"gpg": "/usr/bin/gpg"}
    assert find_encryption(None, ["x"], here.get) == Encryption("gpg", "/usr/bin/gpg", ["x"])
    with pytest.raises(EncryptionError, match="age is not installed"):
        find_encryption("age", ["x"], here.get)
    with pytest.raises(EncryptionError, match="neither age nor gpg"):
        find_encryption(None, ["x"], {}.get)


@pytest.fixture
def gpg(tmp_path, monkeypatch):
    """Give the real gpg a key of its own; return the fingerprint."""
    program = shutil.which("gpg")
    if program is None:
        pytest.skip("gpg is not installed here")
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    monkeypatch.setenv("GNUPGHOME", str(home))
    quick = ["--batch", "--passphrase", "", "--quick-generate-key", "backup@example.com", "ed25519", "cert", "never"]
    subprocess.run([program, *quick], check=True, capture_output=True)
    listed = subprocess.run([program, "--list-keys", "--with-colons"], check=True, capture_output=True, text=True)
    fingerprint, *_more = [line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr:")]
    more = ["--batch", "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "never"]
    subprocess.run([program, *more], check=True, capture_output=True)
    yield Encryption("gpg", program, [fingerprint])
    subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)


def test_with_real_gpg(gpg, host, dest, back_up, monkeypatch):
    monkeypatch.setattr(host, "find", lambda name, folders=None: gpg.path if name == "gpg" else f"/usr/bin/{name}")
    assert recipient_problems(gpg) == []
    assert "nobody@example.com" in str(recipient_problems(gpg._replace(recipients=["nobody@example.com"])))
    path = back_up(archive=True, encrypt=("gpg", gpg.recipients)).made.path
    decrypted = subprocess.run([gpg.path, "--batch", "--decrypt", path], check=True, capture_output=True).stdout
    assert b"an attachment" in gzip.decompress(decrypted)
