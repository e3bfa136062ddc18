# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import random

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.quoting import (
    NotationError,
    misread_by_tool,
    write_line,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.setup_tool import value_read_by_tool

from tests.support.standin.setup_rewrite import rewrite

OWN = "globalSettings__own__value"
BUILT_IN = "globalSettings__mail__smtp__password"
CONNECTION = "globalSettings__sqlServer__connectionString"
CONFIG = {"url": "http://bw.example.com"}
VALUES = [
    "a$b", "a$$b", "a${HOME}b", "a #b", "a#b", "a=b", 'a"b', "a\\b", "a`b", "a'b", " a ", "a\\'b", "a\\", '"a', "a\\$b",
    "", " ", "'", '"', "''", '""', '"a"', "\\", '\\"', '\\\\"', '"\\', "#", "# a", "'\"$\\", "\u2028", "\u00a0", "a\tb",
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (OWN, "plain", "plain"),
        (OWN, "two words", "two words"),
        (OWN, "a$b", "'a$b'"),
        (OWN, "it's $5", '"it\'s \\$5"'),
        # \" would become " at the next update, so it must not be there.
        (OWN, 'it\'s "$5"', '"it\'s \\0042\\$5\\0042"'),
        (BUILT_IN, 'it\'s "$5"', '"it\'s \\"\\$5\\""'),
        (OWN, 'a\\"b', '"a\\\\\\0042b"'),
        (OWN, "it's $1\\", '"it\'s \\$1\\0134"'),
        (CONNECTION, "a #b", '"a #b"'),
        (CONNECTION, "a$b", '"a\\$b"'),
        (CONNECTION, 'Password="x y";', 'Password="x y";'),
    ],
)
def test_notation(name: str, value: str, line: str) -> None:
    assert write_line(name, value) == f"{name}={line}"


@pytest.mark.parametrize("name", [OWN, BUILT_IN, CONNECTION])
def test_values_survive_two_updates(name: str) -> None:
    source = random.Random(3)
    made_up = [
        "".join(source.choice("ab $'\"\\#=`{}\u00e9\t") for _one in range(source.randint(1, 10))) for _all in range(300)
    ]
    for value in VALUES + made_up:
        data = (write_line(name, value) + "\n").encode()
        for _count in range(3):
            assert EnvFile.parse(data, "file", {}).get(name) == value
            data = rewrite(data, CONFIG)


@pytest.mark.parametrize("value", VALUES)
def test_what_the_setup_tool_reads_itself(value: str) -> None:
    line = write_line(CONNECTION, value)
    assert "='" not in line or value.startswith("'")
    assert misread_by_tool(CONNECTION, value) == (value_read_by_tool(line) != value)
    if not any(character in value for character in "$\\'\""):
        assert not misread_by_tool(CONNECTION, value)


@pytest.mark.parametrize(
    ("value", "reason"), [("a\nb", "line break"), ("a\r", "line break"), ("\0", "NUL"), ("\ud800", "Unicode")]
)
def test_refused(value: str, reason: str) -> None:
    with pytest.raises(NotationError, match=reason):
        write_line(OWN, value)
