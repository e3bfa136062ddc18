# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with the variables of the hosts of a run: between hosts, and said for all of them at once."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from .._common.errors import BitwardenError
from .variables import PREFIX

#: Strategies in which all hosts finish a task before the next one begins.
_LOCKSTEP = ("linear", "debug")


class CheckError(BitwardenError):
    """Variables of hosts cannot be used; the message names every fault of every host."""

    def __init__(self, faults: Mapping[str, Sequence[str]], hosts: int) -> None:
        super().__init__(_summary(faults, hosts))
        self.faults = {host: list(texts) for host, texts in faults.items()}

    def result(self) -> Dict[str, Any]:
        """Return the failed task's result, with the faults by host."""
        return {"msg": str(self), "faults": self.faults}


class Claim(NamedTuple):
    """What a host does with the billing sync token of its organization in the cloud."""

    #: A text that is the same for hosts of one organization.
    source: str
    rotates: bool
    by_hand: bool


def _summary(faults: Mapping[str, Sequence[str]], hosts: int) -> str:
    """Return all faults, those that several hosts share once."""
    shared: Dict[str, List[str]] = {}
    for host, texts in faults.items():
        for text in texts:
            shared.setdefault(text, []).append(host)
    lines = [f"{', '.join(names)}: {text}" for text, names in shared.items()]
    count = f"{len(faults)} of {hosts} hosts" if hosts > 1 else "the host"
    return "\n".join([f"The variables of {count} cannot be used. Nothing was done on any host.", *lines])


def claim_faults(claims: Mapping[str, Claim]) -> Dict[str, List[str]]:
    """Return what stands against a rotation: hosts of its organization that would keep the token that it replaces."""
    rotating = {claim.source: host for host, claim in claims.items() if claim.rotates and not claim.by_hand}
    return {
        host: [
            f"bitwarden_billing_sync_token is set, but {rotating[claim.source]} of the same organization rotates the "
            "token (bitwarden_rotate), and this host would keep one that no longer works. Leave it out, so that the "
            "host gets the new token, too."
        ]
        for host, claim in claims.items()
        if claim.by_hand and claim.source in rotating
    }


def strategy_fault(strategy: str) -> str:
    """Return why the role cannot run with a strategy; empty where it can."""
    name = strategy.rpartition(".")[2]
    if name in _LOCKSTEP or name.endswith("_linear"):
        return ""
    return (
        f"The strategy {strategy} lets each host run ahead of the others, but hosts wait for the one that fetches the "
        "token of their organization. Set strategy: linear for the play."
    )


def percentage_fault(value: object) -> str:
    """Return what is wrong with the share of hosts that may fail; empty for a number from 0 to 100, also with a %."""
    with contextlib.suppress(ValueError):
        if 0 <= float(str(value).strip().rstrip("%").strip()) <= 100:
            return ""
    return f"{PREFIX}max_fail_percentage: {value!r} is not a percentage. Write a number from 0 to 100."
