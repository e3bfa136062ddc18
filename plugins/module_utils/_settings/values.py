# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values of settings: as text, compared in meaning, and checked against what breaks the server or an update undoes."""

from __future__ import annotations

from datetime import date
from typing import List, Optional, Tuple

from .._common.setting_names import CLOUD_REGION, CLOUD_URLS, INSTALLATION_KEY, PUSH_URL, VAULT_URL
from .._common.text_values import not_text
from .._env_files.document import EnvFile, canonical
from .._env_files.quoting import NotationError, misread_by_tool, write_line
from .._env_files.setup_tool import BUILT_IN, PUSH_OFF
from .errors import SettingsError
from .regions import is_placeholder
from .secrecy import is_secret
from .spelling import type_of
from .types import meaning, url_error, url_meaning, validation_error

_CLOUD_URL_FORMS = frozenset(canonical(name) for name in CLOUD_URLS)


def same_meaning(key: str, one: str, other: str) -> bool:
    """Tell whether two values of ``key`` mean the same to the server, as ``TRUE`` and ``true`` of a boolean do."""
    if canonical(key) in _CLOUD_URL_FORMS:
        return url_meaning(one) == url_meaning(other)
    kind = type_of(key) or "string"
    return meaning(kind, one) == meaning(kind, other)


def value_text(name: str, value: object, secret: bool = False) -> Optional[str]:
    """Return a value as the file has it (``None``: absent).

    ``secret``: given as such. Raises ``SettingsError`` for a mapping or list, and for what YAML no longer has as it
    was written where every character counts.
    """
    if value is None:
        return None
    if isinstance(value, _not_as_written(name, secret or is_secret(name))):
        raise SettingsError(not_text(name, value))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if not isinstance(value, str):
        raise SettingsError(
            f"{name} is given a {type(value).__name__}. Give it a string, a number, true, false or null."
        )
    if type_of(name) == "boolean" and value.strip().lower() in ("true", "false"):
        return value.strip().lower()
    return str(value)


def _not_as_written(name: str, secret: bool) -> Tuple[type, ...]:
    """Return the types of values that are not to be turned into text for a setting.

    YAML reads 1:30:00 as 5400, which to the server is a time of 5400 days, and 1.10 as 1.1.
    """
    kind = (type_of(name) or "").rstrip("?")
    if kind in ("guid", "timespan") or (kind in ("", "string") and secret):
        return (bool, int, float, date)
    return (bool, float, date) if kind == "string" else (date,)


def check_removable(name: str, file: str, current: EnvFile) -> None:
    """Raise ``SettingsError`` for a setting that Bitwarden's update would fill in again."""
    if name in BUILT_IN[file]:
        advice = " To go back to the US cloud set region to US." if name == CLOUD_REGION else ""
        raise SettingsError(
            f"{name} cannot be removed: Bitwarden's next update would set it to a default. Set it to a value.{advice}"
        )
    if name == PUSH_URL and is_placeholder(current.get(name) or ""):
        raise SettingsError(
            f"{name} cannot be removed while it turns push off: Bitwarden's next update would set it again. "
            "Set push_notifications to true in config.yml, or give it a URL."
        )


def check_value(name: str, value: str) -> None:
    """Raise ``SettingsError`` for a value that cannot be written, or with which no service would start or sync."""
    try:
        write_line(name, value)
    except NotationError as error:
        raise SettingsError(f"The value of {name} cannot be written: {error}.") from None
    reason = validation_error(type_of(name) or "string", value)
    if name in CLOUD_URLS and value.strip() and not (name == PUSH_URL and is_placeholder(value)):
        reason = url_error(value)
    elif name == INSTALLATION_KEY:
        unset = value.strip().strip("\"'").lower() in ("", "replace", "secret")
        if unset or value != value.strip().strip("\"'"):
            reason = "takes the key of the installation, without quotes and blanks around it"
    if reason is not None:
        raise SettingsError(f"{name} {reason}. The given value would break the server.")


def value_warnings(name: str, value: str, current: EnvFile) -> List[str]:
    """Return warnings about a new value that Bitwarden's update undoes or misreads."""
    before = current.get(name)
    if before is not None and same_meaning(name, before, value):
        return []
    if name == VAULT_URL:
        return [f"{name}: Bitwarden's next update sets it to the url of config.yml. Change it there too."]
    if name == PUSH_URL and value == PUSH_OFF:
        return [f"{name}: Bitwarden's next update removes it unless config.yml has push_notifications: false."]
    if misread_by_tool(name, value):
        return [
            f"{name}: the services get exactly this value, but Bitwarden's setup tool, which reads it at an update, "
            "misreads it. Use a value without dollar signs and backslashes."
        ]
    return []
