# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a set is restored on a host: which version the server is of afterwards, and what that needs."""

from __future__ import annotations

import os
from typing import NamedTuple, Optional, Tuple

from .._common.versions import version_numbers
from .here import Here, engine_of
from .parts import GENERATED, place_of
from .source import Source


class Course(NamedTuple):
    """What follows from set, host and request.

    ``brings``: scripts, generated files and images are those of the set afterwards. ``stays``: what the setup tool
    generates is that of the host, as its images are of another version. ``rebuild``: the setup tool generates its files
    again. ``moves_data``: SQL Server begins with an empty folder, and its old files are kept. ``images`` are those that
    are to be local, ``volumes`` those that a new host gets, ``script`` is the path of ``bitwarden.sh`` and ``content``
    what it is replaced by.
    """

    brings: bool = False
    stays: bool = False
    rebuild: bool = False
    moves_data: bool = False
    images: Tuple[str, ...] = ()
    volumes: Tuple[str, ...] = ()
    script: str = ""
    content: bytes = b""


def course_of(source: Source, here: Here, allow_other_version: bool) -> Course:
    """Decide it; the files that come with another version are to be added."""
    other = keeps_generated(source, here)
    brings = here.is_new or (allow_other_version and other)
    stays = other and not brings
    rebuild = not brings and needs_rebuild(source, here, stays)
    return Course(brings, stays, rebuild, moves_data(source, here, brings))


def keeps_generated(source: Source, here: Here) -> bool:
    """Tell whether the images of the host are of another version than the set."""
    return version_numbers(source.manifest.versions.get("core")) != version_numbers(here.version)


def needs_rebuild(source: Source, here: Here, stays: bool) -> bool:
    """Tell whether the setup tool has to generate its files again: from another config.yml, or as they are gone."""
    brought = set() if stays else {place_of(entry, stays) for entry in source.files}
    if not all(path in brought or os.path.isfile(here.path(path)) for path in GENERATED):
        return True
    return stays and source.config is not None and source.config != here.config


def moves_data(source: Source, here: Here, brings: bool) -> bool:
    """Tell whether the files of SQL Server have to make room.

    It keeps the password that it was made with, and no SQL Server reads the files of a newer one.
    """
    if here.is_new or not here.has_database_files:
        return False
    engine = engine_in(source)
    other_engine = brings and None not in (engine, here.engine) and engine != here.engine
    return other_engine or (None not in (source.password, here.password) and source.password != here.password)


def engine_in(source: Source) -> Optional[int]:
    """Return the major version of SQL Server that the set is of, None where that is not known."""
    versions = source.manifest.versions
    engine = versions.get("engine")
    return int(engine) if engine else engine_of(versions.get("core"))
