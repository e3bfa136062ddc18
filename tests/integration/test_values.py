# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Values reach the containers unchanged, before and after Bitwarden's own rewrite of the file."""

from __future__ import annotations

import random
from typing import Callable, Dict

import pytest

from tests.support.fleet import api

from .ansible_run import Unsafe, task

HOST = "bw4"
# The values of the measured table, and some more that a user will write one day.
KNOWN = [
    "a$b", "a$$b", "a${HOME}b", "a #b", "a#b", "a=b", 'a"b', "a\\b", "a`b", "a'b", " a ",
    "a\\'b", "a\\", '"a', "a\\$b",
    "", " ", "'", '"', "''", '""', "'a'", '"a"', "\\", "\\\\", "$", "$$", "${", "${}",
    "$(id)", "#", " #", "# a", "==", "a=",
    "é☃", "a\tb", "\ta", "a\\nb", 'a\\"b', 'a\\"b"c\'d', "a'b\"c$d\\e`f #g", "%PATH%",
    "{{ a }}", "!", "a;b", "a&b", "a|b", "-", "~",
    "true", "1", "null", "a:b", "export a=b", "\u2028", "\u00a0a\u00a0", "a" * 4000,
]  # fmt: skip
ALPHABET = "ab $'\"\\#=`{}()!%&;:,.-_é☃\t"


def values() -> Dict[str, str]:
    """Return setting → value; the seed is fixed, so a failure comes again."""
    source = random.Random(20260823)
    made_up = ["".join(source.choice(ALPHABET) for _count in range(source.randint(1, 24))) for _count in range(180)]
    return {f"globalSettings__canary__v{number}": value for number, value in enumerate(KNOWN + made_up)}


@pytest.mark.fleet
def test_values_reach_the_container_and_survive_a_rewrite(fresh: Callable[[str], api.Host]) -> None:
    host = fresh(HOST)
    wanted = values()
    assert len(wanted) >= 200
    settings = {key: Unsafe(value) if "{" in value else value for key, value in wanted.items()}
    arguments = {"settings": settings, "unknown_settings": "ignore"}
    result = task("server", HOST, **arguments).ok().result(HOST, "server")
    assert result["restarted"]
    container = host.container_env("api")
    assert {key: container.get(key) for key in wanted} == wanted

    # The tool that Bitwarden's update runs writes the file again and leaves the stack down.
    assert host.script("rebuild").returncode == 0
    again = task("server", HOST, **arguments).ok().result(HOST, "server")
    assert again["changes"] == []
    assert again["restarted"]
    container = host.container_env("api")
    assert {key: container.get(key) for key in wanted} == wanted
    assert not task("server", HOST, **arguments).ok().result(HOST, "server")["changed"]
