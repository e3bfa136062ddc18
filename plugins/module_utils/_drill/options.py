# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of module restore that depend on each other: what a restore needs, what a drill, and what its removal."""

from __future__ import annotations

from typing import Any, List, Mapping

from .._common.errors import BitwardenError
from .._restore.login import key_faults

ABSENT = "absent"

_TRUE = ("true", "yes", "on", "1", "y", "t")


class DrillOptionError(BitwardenError):
    """Options that do not go together. The message names each of them."""


def is_isolated(params: Mapping[str, Any]) -> bool:
    """Tell whether a drill is asked for; the option may still be a text."""
    return str(params.get("isolated")).lower() in _TRUE


def is_absent(params: Mapping[str, Any]) -> bool:
    """Tell whether a drill is to be removed."""
    return params.get("state") == ABSENT


def restore_faults(params: Mapping[str, Any]) -> List[str]:
    """Return what is wrong with the options, one sentence or two for each."""
    found = key_faults(params)
    if is_absent(params) and not is_isolated(params):
        found.append("state=absent removes a drill. It needs isolated=true.")
    elif not is_isolated(params) and not params.get("confirm"):
        found.append(
            "confirm is missing: a restore replaces what is on the host. Set it to the installation id of the set; or "
            "set isolated to true, for a drill that replaces nothing."
        )
    return found


def require_options(params: Mapping[str, Any]) -> None:
    """Raise ``DrillOptionError`` that names all that is wrong with the options."""
    found = restore_faults(params)
    if not is_absent(params) and not params.get("set"):
        found.append("set is missing. Set it to the path of a backup set on the host.")
    if found:
        raise DrillOptionError(" ".join(found))
