# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE: shared code of this collection. It can change without notice.
"""Decisions about settings: which are wanted, which are refused, which are secret."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any, Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Tuple

from .._common.errors import BitwardenError
from .._common.masking import holds_credentials, looks_secret
from .._env_files.document import EnvFile, canonical
from .._env_files.quoting import NotationError, misread_by_tool, write_line
from .._env_files.setup_tool import BUILT_IN, PUSH_OFF, PUSH_URL, VAULT_URL, built_in_name
from .catalog import KNOWN_SETTINGS, SERVER_VERSION
from .regions import CLOUD_REGION, CLOUD_URLS, push_is_off, region_settings
from .types import meaning, refusal, url_meaning, url_refusal

CLOUD_COMMUNICATION = "globalSettings__enableCloudCommunication"
INSTALLATION_KEY = "globalSettings__installation__key"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-\[\]]*\Z")
_SERVER_SECTIONS = ("globalsettings:", "adminsettings:")
_KNOWN = {canonical(name): (name, kind) for name, kind in KNOWN_SETTINGS.items() if "<" not in name}
_PATTERNS = [
    (re.compile(re.escape(canonical(name)).replace("<n>", "[0-9]+").replace("<name>", "[^:]+") + r"\Z"), kind)
    for name, kind in KNOWN_SETTINGS.items()
    if "<" in name
]


class SettingsError(BitwardenError):
    """The settings asked for cannot be had. The message names the setting and the remedy, never a value."""


class SettingsRequest(NamedTuple):
    """What the options of ``override_env`` and ``server`` ask for."""

    file: str = "global"
    settings: Mapping[str, Any] = {}
    secret_settings: Mapping[str, Any] = {}
    cloud_communication: Optional[bool] = None
    region: Optional[str] = None
    unknown_settings: str = "warn"


class Wanted(NamedTuple):
    """The settings that a request comes to.

    ``values``: name in its proper spelling to text (``None``: absent). ``secret_keys``: names given as secret, in
    canonical form (for :func:`is_secret`). ``warnings``: sentences without values.
    """

    values: Dict[str, Optional[str]]
    secret_keys: FrozenSet[str]
    warnings: List[str]


def resolve(request: SettingsRequest, current: EnvFile) -> Wanted:
    """Work out what ``current`` must hold. Raises ``SettingsError`` for what the server or an update would not bear."""
    given = _given(request)
    values: Dict[str, Optional[str]] = {}
    if request.region is not None:
        _same_region(request.region, given)
        values.update(region_settings(request.region, current))
    values.update(given)
    warnings = []
    for name, value in given.items():
        warnings += _unknown(name, request)
        if value is None:
            _removable(name, request.file, current)
        else:
            _takes(name, value)
            warnings += _pitfalls(name, value, current)
    secret_keys = frozenset(canonical(str(key).strip()) for key in request.secret_settings)
    return Wanted(values, secret_keys, warnings)


def is_secret(key: str, secret_keys: FrozenSet[str] = frozenset()) -> bool:
    """Whether the value of ``key`` must not be shown: given as secret, or of a name that promises a secret.

    A switch or number is none, whatever its name; a misspelt name is judged by the known one nearest to it too.
    """
    form = canonical(key.strip())
    if form in secret_keys:
        return True
    kind = _kind(form)
    if kind is not None and kind != "string":
        return False
    if looks_secret(key):
        return True
    nearest = None if kind else nearest_known(form)
    return nearest is not None and looks_secret(nearest)


def is_secret_setting(key: object, value: object) -> bool:
    """Whether a setting as given must not be shown, judged by its name or by credentials in its value."""
    return is_secret(str(key)) or holds_credentials(str(value))


def same_meaning(key: str, one: str, other: str) -> bool:
    """Whether two values of ``key`` mean the same to the server, as ``TRUE`` and ``true`` of a switch do."""
    if canonical(key) in _CLOUD_URL_FORMS:
        return url_meaning(one) == url_meaning(other)
    kind = _kind(canonical(key)) or "string"
    return meaning(kind, one) == meaning(kind, other)


@lru_cache(maxsize=None)
def nearest_known(key: str) -> Optional[str]:
    """The known setting whose name is nearest to ``key``, ``None`` when none is near."""
    form = canonical(key)
    # The section that all names share would make everything look alike.
    section = next((section for section in _SERVER_SECTIONS if form.startswith(section)), "")
    names = [known[len(section) :] for known in _KNOWN if known.startswith(section)]
    near = difflib.get_close_matches(form[len(section) :], names, n=1, cutoff=0.75)
    return _KNOWN[section + near[0]][0] if near else None


_CLOUD_URL_FORMS = frozenset(canonical(name) for name in CLOUD_URLS)


def _kind(form: str) -> Optional[str]:
    """The type of the setting whose name has this canonical form, ``None`` for an unknown one."""
    if form in _KNOWN:
        return _KNOWN[form][1]
    return next((kind for pattern, kind in _PATTERNS if pattern.match(form)), None)


def _given(request: SettingsRequest) -> Dict[str, Optional[str]]:
    """The settings named one by one, by their proper spelling, as text."""
    sources: List[Tuple[str, Mapping[str, Any]]] = [
        ("settings", request.settings),
        ("secret_settings", request.secret_settings),
    ]
    if request.cloud_communication is not None:
        sources.append(("cloud_communication", {CLOUD_COMMUNICATION: request.cloud_communication}))
    if request.file != "global" and (request.cloud_communication is not None or request.region is not None):
        raise SettingsError("cloud_communication and region are settings of the file 'global'.")
    given: Dict[str, Optional[str]] = {}
    origin: Dict[str, str] = {}
    for option, settings in sources:
        for key, value in settings.items():
            name = _proper_name(key)
            text = _text(name, value)
            if name in given and not (option == "cloud_communication" and _agree(name, given[name], text)):
                where = f"in {option}" if origin[name] == option else f"in {origin[name]} and in {option}"
                raise SettingsError(
                    f"{name} is given twice {where} (names are compared without case, and a colon counts as __)."
                )
            given[name] = text
            origin[name] = option
    return given


def _agree(name: str, one: Optional[str], other: Optional[str]) -> bool:
    return one is not None and other is not None and same_meaning(name, one, other)


def _proper_name(key: object) -> str:
    """The spelling in which a setting is written. Raises ``SettingsError`` for what is no name."""
    name = str(key).replace(":", "__")
    if not name:
        raise SettingsError("A setting has an empty name.")
    parts = name.split("__")
    if not _NAME.match(name) or "" in parts or any(part.startswith("_") or part.endswith("_") for part in parts[1:]):
        raise SettingsError(
            f"{name!r} is no name of a setting. Names are made of letters, digits and _, "
            "their parts joined by __, for instance globalSettings__mail__smtp__host."
        )
    form = canonical(name)
    return built_in_name(name) or (_KNOWN[form][0] if form in _KNOWN else name)


def _text(name: str, value: object) -> Optional[str]:
    """A value as it stands in the file."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise SettingsError(
            f"{name} is given a {type(value).__name__}; a string, a number, true, false or null is needed."
        )
    if _kind(canonical(name)) == "boolean" and value.strip().lower() in ("true", "false"):
        return value.strip().lower()
    return str(value)


def _same_region(region: str, given: Mapping[str, Optional[str]]) -> None:
    explicit = given.get(CLOUD_REGION, region)
    if explicit is None or explicit.lower() != region.lower():
        raise SettingsError(f"region is {region}, but {CLOUD_REGION} is given another value. Leave out one of them.")


def _unknown(name: str, request: SettingsRequest) -> List[str]:
    """What is to be said about a name that the server would silently ignore."""
    form = canonical(name)
    if request.unknown_settings == "ignore" or not form.startswith(_SERVER_SECTIONS):
        return []
    if request.file == "global":
        if _kind(form) is not None:
            return []
        nearest = nearest_known(form)
        hint = f" Did you mean {nearest}?" if nearest else ""
        text = f"{name} is no setting that Bitwarden {SERVER_VERSION} knows; it would be ignored.{hint}"
    else:
        text = f"{name} has no effect in the file {request.file!r}; it belongs into 'global'."
    if request.unknown_settings == "fail":
        raise SettingsError(text)
    return [text]


def _removable(name: str, file: str, current: EnvFile) -> None:
    if name in BUILT_IN[file]:
        advice = " To go back to the US cloud set region to US." if name == CLOUD_REGION else ""
        raise SettingsError(
            f"{name} cannot be removed: Bitwarden's next update would fill it in with a default. "
            f"Give it the value that it is to have.{advice}"
        )
    if name == PUSH_URL and push_is_off(current.get(name) or ""):
        raise SettingsError(
            f"{name} cannot be removed while it switches push off: Bitwarden's next update would fill it in again. "
            "Set push_notifications to true in config.yml, or give it a URL."
        )


def _takes(name: str, value: str) -> None:
    """Refuse a value that cannot be written, or with which the service would not start or could not sync."""
    try:
        write_line(name, value)
    except NotationError as error:
        raise SettingsError(f"The value of {name} cannot be written: {error}.") from None
    reason = refusal(_kind(canonical(name)) or "string", value)
    if name in CLOUD_URLS and value.strip() and not (name == PUSH_URL and push_is_off(value)):
        reason = url_refusal(value)
    elif name == INSTALLATION_KEY:
        unset = value.strip().strip("\"'").lower() in ("", "replace", "secret")
        if unset or value != value.strip().strip("\"'"):
            reason = "takes the key of the installation, without quotes and blanks around it"
    if reason is not None:
        raise SettingsError(f"{name} {reason}. The value given would break the server.")


def _pitfalls(name: str, value: str, current: EnvFile) -> List[str]:
    """Warnings about values that Bitwarden's update undoes or misreads."""
    before = current.get(name)
    if before is not None and same_meaning(name, before, value):
        return []
    if name == VAULT_URL:
        return [f"{name}: Bitwarden's next update sets it to the url of config.yml. Change it there too."]
    if name == PUSH_URL and value == PUSH_OFF:
        return [f"{name}: Bitwarden's next update removes it unless config.yml says push_notifications: false."]
    if misread_by_tool(name, value):
        return [
            f"{name}: the services get this value exactly, but Bitwarden's setup tool, which reads it too when it "
            "updates, would misread it. A value without dollar signs and backslashes avoids that."
        ]
    return []
