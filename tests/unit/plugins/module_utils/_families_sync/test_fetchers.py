# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who fetches the token of each cloud organization."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.fetchers import (
    Candidate,
    choose_fetchers,
)

FAILED = {"failed": True, "msg": "down"}
GONE = {"unreachable": True}


def host(name, source="one", *results, **plan):
    return Candidate(name, {"token_source": source, **plan}, lambda: results)


@pytest.mark.parametrize(
    ("hosts", "chosen", "fetchers"),
    [
        ([], {}, {}),
        ([Candidate("a", {}, list)], {}, {}),
        ([host("a", ""), host("b")], {}, {"one": "b"}),
        ([host("a"), host("b"), host("c", "two")], {}, {"one": "a", "two": "c"}),
        # Unreachable, or failed in an earlier step.
        ([host("a", "one", FAILED), host("b", "one", {}, GONE), host("d")], {}, {"one": "d"}),
        ([host("a", "one", FAILED)], {}, {}),
        # An earlier batch has fetched, or tried to: nobody asks again.
        ([host("c"), host("d", "two")], {"one": "b"}, {"one": "b", "two": "d"}),
        # One host can fetch for several organizations.
        ([host("a", "two")], {"one": "a"}, {"one": "a", "two": "a"}),
    ],
)
def test_fetchers(hosts, chosen, fetchers):
    before = dict(chosen)
    assert choose_fetchers(hosts, chosen) == fetchers
    assert chosen == before


def test_hosts_that_rotate_are_chosen_only_then():
    hosts = [host("a", rotate=True), host("b", "two"), host("c", rotate=True)]
    assert choose_fetchers(hosts, {}) == {"two": "b"}
    assert choose_fetchers(hosts, {"two": "b"}, rotate=True) == {"two": "b", "one": "a"}


def test_a_host_that_rotates_reads_from_one_that_has_fetched():
    """Where hosts of one organization disagree: a token that was handed out is not rotated in the same run."""
    assert choose_fetchers([host("b", rotate=True)], {"one": "a"}, rotate=True) == {"one": "a"}
