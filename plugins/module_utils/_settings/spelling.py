# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of settings: their proper spelling, their type, and the known name that a misspelt one is nearest to."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Dict, List, Optional, Tuple

from .._env_files.document import canonical
from .._env_files.setup_tool import built_in_name
from .catalog import KNOWN_SETTINGS, LAST_VERSIONS, SERVER_VERSION
from .errors import SettingsError

# What an env file can name, though no setting of Bitwarden's has brackets or a dot.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]*\Z")
_KNOWN = {canonical(name): (name, kind) for name, kind in KNOWN_SETTINGS.items() if "<" not in name}
_PATTERNS = [
    (re.compile(re.escape(canonical(name)).replace("<n>", "[0-9]+").replace("<name>", "[^:]+") + r"\Z"), name, kind)
    for name, kind in KNOWN_SETTINGS.items()
    if "<" in name
]
_LAST_VERSIONS = {canonical(name): version for name, version in LAST_VERSIONS.items()}

# Every section with settings, and the file that it belongs in.
_SECTIONS: Dict[str, str] = {
    name.partition("__")[0].lower(): "key_connector" if name.startswith("keyConnector") else "global"
    for name in KNOWN_SETTINGS
}
# What the database's container reads, each in this spelling only. SQL Server itself knows more: MSSQL_….
_MSSQL = (
    *("ACCEPT_EULA", "BACKUP_DB", "BACKUP_INTERVAL", "BACKUP_INTERVAL_FORMAT", "BACKUP_TIMEZONE", "DATABASE"),
    *("SA_PASSWORD", "SA_PASSWORD_FILE", "TZ"),
)
# How variables of other programs are named: HTTP_PROXY, PROJECT_NAME.
_OTHER_PROGRAMS = re.compile(r"[A-Z0-9]+(?:_[A-Z0-9]+)*\Z")
_SEPARATORS = re.compile(r"[:_.\-\[\]]+")
_NEAR = 0.75
# Without a section there is less to tell a typo by.
_NEARER = 0.88


def proper_name(key: object) -> str:
    """Return the spelling in which a setting is written. Raises ``SettingsError`` for an invalid name."""
    name = str(key).replace(":", "__")
    if not name:
        raise SettingsError("A setting has an empty name.")
    parts = name.split("__")
    if not _NAME.match(name) or "" in parts or any(part.startswith("_") or part.endswith("_") for part in parts[1:]):
        raise SettingsError(
            f"{name!r} is not a valid name of a setting. Names begin with a letter or _ and have only letters, digits "
            "and the characters _ . - [ ], their parts joined by __, for instance globalSettings__mail__replyToEmail."
        )
    form = canonical(name)
    return built_in_name(name) or (_KNOWN[form][0] if form in _KNOWN else name)


def type_of(name: str) -> Optional[str]:
    """Return the type of a setting, as in ``KNOWN_SETTINGS``; ``None`` for an unknown one."""
    form = canonical(name)
    if form in _KNOWN:
        return _KNOWN[form][1]
    return next((kind for pattern, _name, kind in _PATTERNS if pattern.match(form)), None)


@lru_cache(maxsize=None)
def nearest_known(key: str) -> Optional[str]:
    """Return the known setting that an unknown name is most likely meant for, ``None`` when none is near.

    Beside mistyped letters it sees through other separators, and a section that is mistyped, left out or the wrong one.
    """
    parts = _SEPARATORS.sub(":", key.lower()).strip(":").split(":")
    section, rest = _section_of(parts)
    if not section and _OTHER_PROGRAMS.match(key):
        return _of_these_letters(parts) if parts[2:] else None
    exact = _exact(section, rest) if section else _without_section(parts)
    if exact:
        return exact
    # The section that all names share would make all of them look alike.
    names = [known[len(section) :] for known in _KNOWN if known.startswith(f"{section}:" if section else "")]
    if section:
        near = difflib.get_close_matches(":" + ":".join(rest), names, n=1, cutoff=_NEAR)
        return _KNOWN[section + near[0]][0] if near else None
    tails = {known.partition(":")[2]: known for known in _KNOWN}
    near = difflib.get_close_matches(":".join(parts), tails, n=1, cutoff=_NEARER)
    return _KNOWN[tails[near[0]]][0] if near else None


def _nearest_of_mssql(name: str) -> Optional[str]:
    if name in _MSSQL or name.startswith("MSSQL_"):
        return None
    near = difflib.get_close_matches(name.upper(), _MSSQL, n=1, cutoff=0.85)
    return near[0] if near else None


def _section_of(parts: List[str]) -> Tuple[str, List[str]]:
    """Return the section that a name is meant to be in and the parts below it; no section where it has none."""
    first = parts[0]
    for count in range(1, 5):
        if "".join(parts[:count]) in _SECTIONS:
            return "".join(parts[:count]), parts[count:]
    if parts[1:] and parts[1] in _SECTIONS:
        return parts[1], parts[2:]
    joined = next((section for section in _SECTIONS if first.startswith(section)), None)
    if joined:
        return joined, [first[len(joined) :], *parts[1:]]
    near = difflib.get_close_matches(first, _SECTIONS, n=1, cutoff=0.8)
    return (near[0], parts[1:]) if near else ("", parts)


def _without_section(parts: List[str]) -> Optional[str]:
    """Return the setting of these parts, with the section or more left out or shortened."""
    section = f"{parts[0]}settings"
    exact = _exact(section, parts[1:]) if parts[1:] and section in _SECTIONS else None
    exact = exact or _exact("", parts) or (_exact("", parts[1:]) if parts[2:] else None)
    if exact or not parts[1:]:
        return exact
    tail = ":" + ":".join(parts)
    found = [known for known in _KNOWN if known.endswith(tail)]
    return _KNOWN[found[0]][0] if len(found) == 1 else None


def _of_these_letters(parts: List[str]) -> Optional[str]:
    """Return the setting whose name below its section has just these letters."""
    letters = "".join(parts)
    found = (name for known, (name, _kind) in _KNOWN.items() if known.partition(":")[2].replace(":", "") == letters)
    return next(found, None)


def _exact(section: str, rest: List[str]) -> Optional[str]:
    """Return the setting of these parts, in ``section`` if there is one, else in any."""
    tail = ":".join(rest)
    for name in [section, *_SECTIONS] if section else _SECTIONS:
        form = f"{name}:{tail}"
        if form in _KNOWN:
            return _KNOWN[form][0]
        for pattern, known, _kind in _PATTERNS:
            if pattern.match(form):
                return "__".join([*known.split("__")[: -len(rest)], *_as_known(known, rest)])
    return None


def _as_known(known: str, rest: List[str]) -> List[str]:
    return [part if "<" in name else name for name, part in zip(known.split("__")[-len(rest) :], rest)]


def check_known(name: str, file: str, unknown_settings: str) -> List[str]:
    """Return warnings about a name that the server would silently ignore.

    ``unknown_settings`` is ``warn``, ``fail`` (raises ``SettingsError`` instead) or ``ignore``.
    """
    if unknown_settings == "ignore":
        return []
    form = canonical(name)
    section = form.partition(":")[0]
    known = type_of(name) is not None
    if known and _SECTIONS[section] == file:
        if form not in _LAST_VERSIONS:
            return []
        return [f"{name} has no effect in versions of Bitwarden newer than {_LAST_VERSIONS[form]}."]
    nearest = _nearest_of_mssql(name) if file == "mssql" else None
    nearest = nearest or nearest_known(name)
    if known:
        text = f"{name} has no effect in the file {file!r}; it belongs in {_SECTIONS[section]!r}."
    elif file != "mssql" and name.startswith(("SA_PASSWORD", "BACKUP_")) and name in _MSSQL:
        text = f"{name} has no effect in the file {file!r}; it belongs in 'mssql'."
    elif section in _SECTIONS or nearest is not None:
        hint = f" Did you mean {nearest}?" if nearest else ""
        text = f"{name} is not a setting of Bitwarden {SERVER_VERSION}; the server would ignore it.{hint}"
    else:
        return []
    if unknown_settings == "fail":
        raise SettingsError(text)
    return [text]
