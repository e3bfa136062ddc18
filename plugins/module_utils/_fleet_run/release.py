# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which release the hosts of a run get: the latest one is looked up once, by the first host that asks for it."""

from __future__ import annotations

from typing import Any, Dict, Iterable, Mapping

from .._scripts.pair import DOWNLOAD, LATEST

#: The key of a host's result in which the next hosts find it.
RELEASE = "release"


def wanted_version(options: Mapping[str, Any], earlier: Iterable[Mapping[str, Any]]) -> str:
    """Return the version for a host: that which an earlier host of the run found where it asked for the same.

    ``earlier``: the results of the hosts before it. A folder on a host is the host's own.
    """
    asked = _asked(options)
    if asked["version"] != LATEST or options.get("remote_src"):
        return asked["version"]
    known = (result.get(RELEASE) or {} for result in earlier)
    return next((str(one["found"]) for one in known if one.get("found") and _same(one, asked)), LATEST)


def release_of(options: Mapping[str, Any], result: Mapping[str, Any]) -> Dict[str, Any]:
    """Return what a host found, for the hosts after it; ``options`` are those that were asked for."""
    found = (result.get("after") or {}).get("core")
    return {**_asked(options), "found": None if options.get("remote_src") else found}


def _asked(options: Mapping[str, Any]) -> Dict[str, str]:
    return {"version": str(options.get("version") or LATEST), "source": str(options.get("source") or DOWNLOAD)}


def _same(one: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    return all(one.get(name) == value for name, value in asked.items())
