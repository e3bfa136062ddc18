# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who fetches the token of each cloud organization."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.filter.token_fetchers import token_fetchers


def host(name, source="one", **variables):
    return {
        "inventory_hostname": name,
        "families_sync_source": source,
        **{f"families_sync_{key}": value for key, value in variables.items()},
    }


FAILED = {"failed": True, "msg": "down"}
GONE = {"unreachable": True}


@pytest.mark.parametrize(
    ("hosts", "chosen", "fetchers"),
    [
        ([], {}, {}),
        ([{"inventory_hostname": "a"}], None, {}),
        ([host("a", ""), host("b")], {}, {"one": "b"}),
        ([host("a"), host("b"), host("c", "two")], {}, {"one": "a", "two": "c"}),
        ([host("a", server=FAILED), host("b", server=GONE), host("c", info=FAILED), host("d")], {}, {"one": "d"}),
        ([host("a", server=FAILED)], {}, {}),
        # An earlier batch has fetched, or tried to: nobody asks again.
        ([host("c"), host("d", "two")], {"one": "b"}, {"one": "b", "two": "d"}),
    ],
)
def test_fetchers(hosts, chosen, fetchers):
    assert token_fetchers(hosts, chosen) == fetchers
