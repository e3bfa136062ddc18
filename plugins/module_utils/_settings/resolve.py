# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a request to the settings that a file must have."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .._common.setting_names import CLOUD_COMMUNICATION, CLOUD_REGION
from .._env_files.document import EnvFile, EnvFileError, canonical
from .._env_files.quoting import NotationError, write_line
from .errors import SettingsError
from .regions import region_settings
from .spelling import check_known, proper_name
from .values import check_removable, check_value, same_meaning, value_text, value_warnings


class SettingsRequest(NamedTuple):
    """The settings that the options of ``override_env`` and ``server`` ask for."""

    file: str = "global"
    settings: Mapping[str, Any] = {}
    secret_settings: Mapping[str, Any] = {}
    cloud_communication: Optional[bool] = None
    region: Optional[str] = None
    unknown_settings: str = "warn"

    @property
    def empty(self) -> bool:
        """Whether no setting is asked for."""
        return not (self.settings or self.secret_settings or self.region or self.cloud_communication is not None)


class DesiredSettings(NamedTuple):
    """The settings that a request resolves to.

    ``values``: text by name in its proper spelling (``None``: absent). ``secret_keys``: names given as secret, in
    canonical form (for :func:`is_secret`). ``warnings``: sentences without values. ``implied``: names that no one
    gave, which ``region`` brought.
    """

    values: Dict[str, Optional[str]]
    secret_keys: FrozenSet[str]
    warnings: List[str]
    implied: FrozenSet[str] = frozenset()


class _Faults:
    """What is wrong with a request, collected so that one error names all of it."""

    def __init__(self) -> None:
        self.found: List[str] = []

    @contextlib.contextmanager
    def collected(self) -> Iterator[None]:
        """Keep a ``SettingsError`` of the block, which ends the block."""
        try:
            yield
        except SettingsError as error:
            self.found.append(str(error))

    def require_none(self) -> None:
        if self.found:
            raise SettingsError(" ".join(self.found))


def resolve(request: SettingsRequest, current: EnvFile) -> DesiredSettings:
    """Work out what ``current`` must have.

    Raises ``SettingsError`` that names everything that would break the server or an update.
    """
    faults = _Faults()
    given = _given(request, faults)
    values: Dict[str, Optional[str]] = {}
    warnings: List[str] = []
    if request.region is not None:
        with faults.collected():
            _check_region(request.region, given)
        of_region = region_settings(request.region, current, given)
        values.update(of_region.values)
        warnings += of_region.warnings
    values.update(given)
    for name, value in given.items():
        with faults.collected():
            warnings += check_known(name, request.file, request.unknown_settings)
        with faults.collected():
            if value is None:
                check_removable(name, request.file, current)
            else:
                check_value(name, value)
                warnings += value_warnings(name, value, current)
    faults.require_none()
    secret_keys = frozenset(canonical(str(key).strip()) for key in request.secret_settings)
    return DesiredSettings(values, secret_keys, warnings, frozenset(values) - frozenset(given))


def resolve_unchanged(request: SettingsRequest) -> Optional[DesiredSettings]:
    """Work out what ``request`` asks for of a file that has all of it, whatever else is in there.

    The settings of ``region`` are not among the values: they follow from the file. None where ``resolve`` would raise.
    """
    try:
        faults = _Faults()
        given = _given(request, faults)
        faults.require_none()
        lines = [write_line(name, value) for name, value in given.items() if value is not None]
        desired = resolve(request, EnvFile.parse("\n".join(lines).encode(), ""))
    except (SettingsError, NotationError, EnvFileError):
        return None
    return desired._replace(values=given, implied=frozenset())


def _given(request: SettingsRequest, faults: _Faults) -> Dict[str, Optional[str]]:
    """Return the explicitly given settings, by their proper spelling, as text."""
    sources: List[Tuple[str, Mapping[str, Any]]] = [
        ("settings", request.settings),
        ("secret_settings", request.secret_settings),
    ]
    if request.cloud_communication is not None:
        sources.append(("cloud_communication", {CLOUD_COMMUNICATION: request.cloud_communication}))
    given: Dict[str, Optional[str]] = {}
    origin: Dict[str, str] = {}
    with faults.collected():
        if request.file != "global" and (request.cloud_communication is not None or request.region is not None):
            raise SettingsError("cloud_communication and region are settings of the file 'global'. Leave out file.")
    for option, settings in sources:
        for key, value in settings.items():
            with faults.collected():
                name = proper_name(key)
                text = value_text(name, value, secret=option == "secret_settings")
                if name in given and not (option == "cloud_communication" and _agree(name, given[name], text)):
                    where = f"in {option}" if origin[name] == option else f"in {origin[name]} and in {option}"
                    raise SettingsError(
                        f"{name} is given twice {where} (names match in any case, and a colon counts as __)."
                    )
                given[name] = text
                origin[name] = option
    return given


def _agree(name: str, one: Optional[str], other: Optional[str]) -> bool:
    return one is not None and other is not None and same_meaning(name, one, other)


def _check_region(region: str, given: Mapping[str, Optional[str]]) -> None:
    explicit = given.get(CLOUD_REGION, region)
    if explicit is None or explicit.lower() != region.lower():
        raise SettingsError(f"region is {region}, but {CLOUD_REGION} is given another value. Leave out one of them.")
