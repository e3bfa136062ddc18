# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names of settings: their proper spelling, their type, and the known name that a misspelt one is nearest to."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import List, Optional

from .._env_files.document import canonical
from .._env_files.setup_tool import built_in_name
from .catalog import KNOWN_SETTINGS, SERVER_VERSION
from .errors import SettingsError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]*\Z")
_SERVER_SECTIONS = ("globalsettings:", "adminsettings:")
_KNOWN = {canonical(name): (name, kind) for name, kind in KNOWN_SETTINGS.items() if "<" not in name}
_PATTERNS = [
    (re.compile(re.escape(canonical(name)).replace("<n>", "[0-9]+").replace("<name>", "[^:]+") + r"\Z"), kind)
    for name, kind in KNOWN_SETTINGS.items()
    if "<" in name
]


def proper_name(key: object) -> str:
    """Return the spelling in which a setting is written. Raises ``SettingsError`` for an invalid name."""
    name = str(key).replace(":", "__")
    if not name:
        raise SettingsError("A setting has an empty name.")
    parts = name.split("__")
    if not _NAME.match(name) or "" in parts or any(part.startswith("_") or part.endswith("_") for part in parts[1:]):
        raise SettingsError(
            f"{name!r} is not a valid name of a setting. Names have letters, digits and _, "
            "their parts joined by __, for instance globalSettings__mail__smtp__host."
        )
    form = canonical(name)
    return built_in_name(name) or (_KNOWN[form][0] if form in _KNOWN else name)


def type_of(name: str) -> Optional[str]:
    """Return the type of a setting, as in ``KNOWN_SETTINGS``; ``None`` for an unknown one."""
    form = canonical(name)
    if form in _KNOWN:
        return _KNOWN[form][1]
    return next((kind for pattern, kind in _PATTERNS if pattern.match(form)), None)


@lru_cache(maxsize=None)
def nearest_known(key: str) -> Optional[str]:
    """Return the known setting whose name is nearest to ``key``, ``None`` when none is near."""
    form = canonical(key)
    # The section that all names share would make all of them look alike.
    section = next((section for section in _SERVER_SECTIONS if form.startswith(section)), "")
    names = [known[len(section) :] for known in _KNOWN if known.startswith(section)]
    near = difflib.get_close_matches(form[len(section) :], names, n=1, cutoff=0.75)
    return _KNOWN[section + near[0]][0] if near else None


def check_known(name: str, file: str, unknown_settings: str) -> List[str]:
    """Return warnings about a name that the server would silently ignore.

    ``unknown_settings`` is ``warn``, ``fail`` (raises ``SettingsError`` instead) or ``ignore``.
    """
    if unknown_settings == "ignore" or not canonical(name).startswith(_SERVER_SECTIONS):
        return []
    if file == "global":
        if type_of(name) is not None:
            return []
        nearest = nearest_known(canonical(name))
        hint = f" Did you mean {nearest}?" if nearest else ""
        text = f"{name} is not a setting of Bitwarden {SERVER_VERSION}; the server would ignore it.{hint}"
    else:
        text = f"{name} has no effect in the file {file!r}; it belongs in 'global'."
    if unknown_settings == "fail":
        raise SettingsError(text)
    return [text]
