# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The batches of a run over a fleet: the canary first, so that a release that fails there reaches no other host."""

from __future__ import annotations

import re
from typing import Any, Collection, List, NamedTuple, Sequence

_SIZE = re.compile(r"[0-9]+%?\Z")


class Batches(NamedTuple):
    """The hosts in the order in which they are updated, and the sizes of the batches, of which the last repeats."""

    order: List[str]
    sizes: List[str]


def make_batches(hosts: Sequence[str], canaries: Collection[str], serial: Any) -> Batches:
    """Return the batches of ``hosts``: those that are canaries as one, or the first host; then ``serial``."""
    first = [host for host in hosts if host in canaries] or list(hosts[:1])
    rest = [host for host in hosts if host not in first]
    return Batches(first + rest, [str(len(first)), *sizes_of(serial)])


def sizes_of(serial: Any) -> List[str]:
    """Return ``serial``, a single size or a list of them, as a list of texts."""
    return [str(size).strip() for size in (serial if isinstance(serial, (list, tuple)) else [serial])]


def serial_fault(serial: Any) -> str:
    """Return what is wrong with the sizes of batches, empty where nothing is; Ansible would end with a traceback."""
    wrong = [size for size in sizes_of(serial) if not _SIZE.match(size)]
    if not wrong and sizes_of(serial):
        return ""
    return (
        f"bitwarden_serial: {', '.join(wrong) or 'an empty list'} is not a size of batches. Write a number of hosts, a "
        "percentage such as 20%, or a list of these."
    )


def hosts_fault(pattern: str, limit: str) -> str:
    """Return what is said of a pattern that no host of the run matches; ``limit`` is that of the run, or empty."""
    within = f" within --limit {limit}" if limit else ""
    advice = "Name the servers' group bitwarden in the inventory, or set bitwarden_hosts."
    return f"No host matches {pattern}{within}. {advice}"


def canary_fault(pattern: str) -> str:
    """Return what is said of a canary that is not among the hosts."""
    return f"bitwarden_canary: {pattern} is not among the hosts of the playbook. Name a host or a group of them."
