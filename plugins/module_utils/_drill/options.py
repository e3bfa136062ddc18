# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The options of module restore that depend on each other: what a restore needs, what a drill, and what its removal.

Messages name the variables of the role where ``names`` says what they are called.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping

from .._common.errors import BitwardenError
from .._restore.login import key_faults

ABSENT = "absent"
#: The folder of a drill by the role.
DRILL_BWDATA = "/var/lib/bitwarden-drill"

_TRUE = ("true", "yes", "on", "1", "y", "t")


class DrillOptionError(BitwardenError):
    """Options that do not go together. The message names each of them."""


def is_isolated(params: Mapping[str, Any]) -> bool:
    """Tell whether a drill is asked for; the option may still be a text."""
    return str(params.get("isolated")).lower() in _TRUE


def is_absent(params: Mapping[str, Any]) -> bool:
    """Tell whether a drill is to be removed."""
    return params.get("state") == ABSENT


def restore_faults(params: Mapping[str, Any], names: Mapping[str, str]) -> List[str]:
    """Return what is wrong with the options, one sentence or two for each; ``names`` are those that messages use."""
    found = _faults(params, names)
    # What a drill was made from does not matter to its removal.
    if not is_absent(params) and bool(params.get("src")) == bool(params.get("set")):
        here, there = (names.get(one, one) for one in ("set", "src"))
        found.append(
            f"Give {here}, the path of a backup set on the host, or {there}, that of one on the controller; not both."
        )
    return found


def _faults(params: Mapping[str, Any], names: Mapping[str, str]) -> List[str]:
    isolated, state, confirm = (names.get(one, one) for one in ("isolated", "state", "confirm"))
    found = key_faults(params)
    if is_absent(params) and not is_isolated(params):
        found.append(f"{state}=absent removes a drill. It needs {isolated}=true.")
    elif not is_isolated(params) and not params.get("confirm"):
        found.append(
            f"{confirm} is missing: a restore replaces what is on the host. Set it to the installation id of the set; "
            f"or set {isolated} to true, for a drill that replaces nothing."
        )
    return found


def with_drill_folder(params: Mapping[str, Any], folder: str) -> Dict[str, Any]:
    """Return the options of the role with the folder of a drill in place of the server's, where one is asked for."""
    if not is_isolated(params):
        return dict(params)
    return {**{name: value for name, value in params.items() if name != "script"}, "bwdata": folder or DRILL_BWDATA}


def require_options(params: Mapping[str, Any]) -> None:
    """Raise ``DrillOptionError`` that names all that is wrong with the options."""
    found = _faults(params, {})
    if not is_absent(params) and not params.get("set"):
        found.append("set is missing. Set it to the path of a backup set on the host.")
    if found:
        raise DrillOptionError(" ".join(found))
