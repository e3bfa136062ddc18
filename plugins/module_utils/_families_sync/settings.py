# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the settings that variables of the role hold, as far as it shows without the server's files."""

from __future__ import annotations

import contextlib
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .._common.setting_names import CLOUD_COMMUNICATION, CLOUD_REGION, CLOUD_URLS
from .._env_files.document import EnvFile
from .._settings.errors import SettingsError
from .._settings.regions import CLOUDS, region_of_url
from .._settings.resolve import SettingsRequest, resolve
from .._settings.spelling import check_known, proper_name
from .._settings.values import same_meaning, value_text
from .variables import SERVER, with_variables


class _Given(NamedTuple):
    """A setting among the variables, as text (``None``: to be absent)."""

    variable: str
    text: Optional[str]


def check_settings(request: SettingsRequest, cloud: str) -> Tuple[List[str], List[str]]:
    """Return the faults of the settings of a host, and what to warn of: names that the server would ignore.

    ``cloud`` is the region of the account in the cloud that the host uses, empty where that is none. What depends on
    the files of the server is left to module server.
    """
    given = _given(request)
    faults = list(_clashes(request, cloud, given))
    if faults and CLOUD_COMMUNICATION in given:  # said already, in words about the role
        request = request._replace(cloud_communication=None)
    try:
        resolve(request, EnvFile.parse(b"", ""))
    except SettingsError as error:
        faults.append(with_variables(str(error), SERVER))
    warnings: List[str] = []
    for name in given:
        with contextlib.suppress(SettingsError):
            warnings += check_known(name, request.file, request.unknown_settings)
    return faults, warnings


def _given(request: SettingsRequest) -> Dict[str, _Given]:
    """Return the settings by their proper spelling, less those with a fault of their own."""
    found = {}
    sources = ("settings", request.settings), ("secret_settings", request.secret_settings)
    for option, settings in sources:
        for key, value in settings.items():
            with contextlib.suppress(SettingsError):
                name = proper_name(key)
                found[name] = _Given(SERVER[option], value_text(name, value))
    return found


def _clashes(request: SettingsRequest, cloud: str, given: Mapping[str, _Given]) -> Iterator[str]:
    """Yield which settings contradict other variables of the role."""
    wanted, one = request.cloud_communication, given.get(CLOUD_COMMUNICATION)
    if one and wanted is not None and not (one.text and same_meaning(CLOUD_COMMUNICATION, one.text, str(wanted))):
        yield (
            f"{one.variable} gives {CLOUD_COMMUNICATION} another value than the role, which sets it to "
            f"{str(wanted).lower()} as bitwarden_offline is {str(not wanted).lower()}. Leave it out."
        )
    if request.region is None:
        one = given.get(CLOUD_REGION)
        if one and one.text and {one.text.upper(), cloud} == set(CLOUDS):
            yield (
                f"{one.variable} sets {CLOUD_REGION} to {one.text}, but the account in the cloud is in {cloud}: the "
                "server would sync with another cloud than the one that the token comes from. Set bitwarden_region to "
                f"{one.text.upper()} instead."
            )
        return
    for name in CLOUD_URLS:
        one = given.get(name)
        if one and one.text and region_of_url(one.text) not in (None, request.region):
            yield (
                f"bitwarden_region is {request.region}, but {one.variable} sets {name} to an address of the cloud "
                f"{region_of_url(one.text)}. Leave out one of them."
            )
