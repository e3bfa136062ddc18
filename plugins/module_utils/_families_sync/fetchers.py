# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which host fetches the billing sync token of each cloud organization (action families_sync_fetch)."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Mapping, NamedTuple


class Candidate(NamedTuple):
    """A host of the batch, and how to read what its steps so far registered, which is done only where it counts."""

    name: str
    plan: Mapping[str, Any]
    results: Callable[[], Iterable[Mapping[str, Any]]]

    @property
    def source(self) -> str:
        """Return which token the host needs; empty where it needs none."""
        return str(self.plan.get("token_source") or "")

    @property
    def healthy(self) -> bool:
        """Return whether no step has failed on it."""
        return not any(result.get("failed") or result.get("unreachable") for result in self.results())


def choose_fetchers(
    candidates: Iterable[Candidate], chosen: Mapping[str, str], rotate: bool = False
) -> Dict[str, str]:
    """Return ``{token source: host}`` for the sources of the batch and those ``chosen`` earlier in the run.

    Who was chosen stays the one, also where it failed: nobody asks the cloud again. Otherwise it is the first healthy
    host. Hosts that rotate are chosen only with ``rotate``, when their licenses are in place.
    """
    fetchers = dict(chosen)
    for candidate in candidates:
        source = candidate.source
        if not source or source in fetchers or bool(candidate.plan.get("rotate")) != rotate or not candidate.healthy:
            continue
        fetchers[source] = candidate.name
    return fetchers
