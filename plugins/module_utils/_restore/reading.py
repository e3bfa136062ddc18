# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading a set for a restore: decrypted, compared with its manifest, and unpacked."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from typing import IO, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Sequence, Tuple, cast

from .._backup.manifest import FileEntry
from .._backup.reading import HashingReader, contents
from .._backup.sets import BackupSet, SetError

#: Writes one file of a set; the content is None for a folder and a link.
Write = Callable[[FileEntry, Optional[IO[bytes]]], None]


class Difference(NamedTuple):
    """How a set differs from its manifest: ``missing`` and ``changed`` files, and ``damage`` of the set as a whole."""

    missing: List[str]
    changed: List[str]
    damage: List[str]


@contextlib.contextmanager
def decrypted(
    backup: BackupSet, identity: Optional[str], find: Callable[[str], Optional[str]]
) -> Iterator[Optional[IO[bytes]]]:
    """Yield the archive as a stream that is decrypted while it is read; None for a set that is not encrypted.

    ``identity`` is the path of age's identity file or of GnuPG's folder; ``find`` finds a program. Raises ``SetError``.
    """
    if backup.encryption is None:
        yield None
        return
    with tempfile.TemporaryFile() as errors, open(backup.path, "rb") as archive:
        try:
            # Ansible's run_command reads all of the output into memory.
            process = subprocess.Popen(  # pylint: disable=ansible-bad-function
                _command(backup, identity, find), stdin=archive, stdout=subprocess.PIPE, stderr=errors
            )
        except OSError as error:
            raise SetError(f"{backup.encryption} cannot be run: {error.strerror}.") from None
        stream = cast("IO[bytes]", process.stdout)
        try:
            yield stream
        except SetError as error:
            # What is read of it is cut off where it cannot be decrypted, and that is the reason.
            raise _explained(backup, process, errors) or error from None
        finally:
            stream.close()
            if process.poll() is None:
                process.kill()
            process.wait()


def _command(backup: BackupSet, identity: Optional[str], find: Callable[[str], Optional[str]]) -> Sequence[str]:
    program = find(str(backup.encryption))
    if program is None:
        raise SetError(
            f"{backup.path} is encrypted, and {backup.encryption} is not installed here. Install it, or decrypt the "
            "set first."
        )
    if backup.encryption == "age":
        if identity is None:
            raise SetError(f"{backup.path} is encrypted with age. Set identity to the path of the identity file.")
        return [program, "--decrypt", "--identity", identity]
    home = ["--homedir", identity] if identity else []
    return [program, *home, "--batch", "--no-tty", "--quiet", "--decrypt"]


def _explained(backup: BackupSet, process: subprocess.Popen[bytes], errors: IO[bytes]) -> Optional[SetError]:
    with contextlib.suppress(subprocess.TimeoutExpired):
        if process.wait(5):
            errors.seek(0)
            lines = [line.strip() for line in errors.read().decode("utf-8", "replace").splitlines() if line.strip()]
            said = (lines or ["it printed nothing"])[-1].rstrip(".")
            return SetError(f"{backup.path} cannot be decrypted by {backup.encryption}: {said}. Check identity.")
    return None


def compare(
    backup: BackupSet, files: List[FileEntry], stream: Optional[IO[bytes]], wanted: FrozenSet[str] = frozenset()
) -> Tuple[Difference, Dict[str, bytes]]:
    """Read the whole set and compare it with its manifest; return the content of the ``wanted`` files as well.

    ``stream`` is the decrypted archive, None for a plain one.
    """
    found = Difference([], [], [])
    kept: Dict[str, bytes] = {}
    left = {entry.path for entry in files}
    try:
        for entry, content in contents(backup, _present(backup, files), stream):
            left.discard(entry.path)
            if content is not None:
                hashed = HashingReader(content)
                for data in iter(hashed.read, b""):
                    if entry.path in wanted:
                        kept[entry.path] = kept.get(entry.path, b"") + data
                if (hashed.size, hashed.digest.hexdigest()) != (entry.size, entry.sha256):
                    found.changed.append(entry.path)
    except SetError as error:
        # What is missing after the place where it is damaged is not known.
        return found._replace(damage=[f"{error} Restore another set."]), kept
    except OSError as error:
        return found._replace(damage=[f"{error.filename or backup.path} cannot be read: {error.strerror}."]), kept
    found.missing.extend(sorted(left))
    return found, kept


def _present(backup: BackupSet, files: List[FileEntry]) -> List[FileEntry]:
    """Return those of the files of a folder that are there in the right kind; all of an archive's."""
    if backup.is_archive:
        return files
    return [entry for entry in files if _is_present(os.path.join(backup.path, entry.path.rstrip("/")), entry)]


def _is_present(path: str, entry: FileEntry) -> bool:
    if entry.link:
        return os.path.islink(path) and os.readlink(path) == entry.link
    return not os.path.islink(path) and (os.path.isdir(path) if entry.is_folder else os.path.isfile(path))


def unpack(backup: BackupSet, files: List[FileEntry], stream: Optional[IO[bytes]], write: Write) -> None:
    """Have ``write`` called with each file of the set; its content is compared meanwhile. Raises ``SetError``."""
    left = {entry.path for entry in files}
    for entry, content in contents(backup, files, stream):
        hashed = HashingReader(content) if content is not None else None
        write(entry, cast("Optional[IO[bytes]]", hashed))
        if hashed is not None and (hashed.size, hashed.digest.hexdigest()) != (entry.size, entry.sha256):
            raise SetError(f"{entry.path} in {backup.path} does not have the content that the manifest says.")
        left.discard(entry.path)
    if left:
        raise SetError(f"{min(left)} in {backup.path} is missing.")
