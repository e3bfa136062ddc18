# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The reading of env files, against what Compose 2.26.1 was seen to make of them."""

from __future__ import annotations

from typing import Dict, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.parser import (
    ComposeSyntaxError,
    parse_statements,
)

HOME = "/home/owner"
ERROR = None

# What stands behind "KEY=" and what the container gets; None: Compose refuses the file.
MEASURED = [
    # value, unquoted, '…', "…" with \\ \" \$ escaped
    ("a$b", "a", "a$b", "a$b"),
    ("a$$b", "a$b", "a$$b", "a$$b"),
    ("a${HOME}b", f"a{HOME}b", "a${HOME}b", "a${HOME}b"),
    ("a #b", "a", "a #b", "a #b"),
    ("a#b", "a#b", "a#b", "a#b"),
    ("a=b", "a=b", "a=b", "a=b"),
    ('a"b', 'a"b', 'a"b', 'a"b'),
    ("a\\b", "a\\b", "a\\b", "a\\b"),
    ("a`b", "a`b", "a`b", "a`b"),
    ("a'b", "a'b", ERROR, "a'b"),
    (" a ", "a", " a ", " a "),
    ("a\\'b", "a\\'b", "a'b", "a\\'b"),
    ("a\\", "a\\", ERROR, "a\\"),
    ("a\nb", "a", "a\nb", "a\nb"),
    ('"a', ERROR, '"a', '"a'),
    ("a\\$b", "a\\", "a\\$b", "a\\$b"),
]

OTHERS = [
    ("'a\\\\'", "a\\\\"),
    ("'it\\'s'", "it's"),
    ("#b", "#b"),
    (" #b", "#b"),
    ("a\t#b", "a\t#b"),
    ("a\r", "a"),
    ("\xa0a\u2028", "a"),
    ("\u2028a", "\u2028a"),
    ("a\x1c", "a\x1c"),
    ('"a\\tb"', "a\tb"),
    ('"\\0101\\0377\\042"', 'A\u00ff\\"'.replace('"', "42")),
    ('"\\0042"', '"'),
    ('"\\0"', "\\"),
    ('"\\08"', "\\8"),
    ('"\\c"', "\\c"),
    ('"a$$b"', "a$b"),
    ("a$", "a$"),
    ("$1 $", "$1 $"),
    ("${NONE-x}y", "xy"),
    ("${NONE:-x}${HOME:+z}", "xz"),
    ("${NONE+x}", ""),
    ("${HOME:?needed}", HOME),
    ("${HOME-${NONE:-x}}", HOME),
    ("${NONE-${OTHER-x}}y", "xy"),
    ("$HOMEx", ""),
    ("${HOME}${", ERROR),
    ("${}", ERROR),
    ("${1}", ERROR),
    ("${NONE?}", ERROR),
    ("${NONE:?needed}", ERROR),
    ('"a', ERROR),
    ("'a' # comment", "a"),
    ("'a'#comment", "a"),
]


def read(text: str) -> Optional[Dict[str, Optional[str]]]:
    try:
        return {one.name: one.value for one in parse_statements(text, {"HOME": HOME})}
    except ComposeSyntaxError:
        return ERROR


@pytest.mark.parametrize(("value", "plain", "single", "double"), MEASURED)
def test_measured_table(value: str, plain: Optional[str], single: Optional[str], double: Optional[str]) -> None:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
    for written, expected in ((value, plain), (f"'{value}'", single), (f'"{escaped}"', double)):
        found = read(f"KEY={written}\n")
        assert (found and found.get("KEY")) == expected, written


@pytest.mark.parametrize(("written", "expected"), OTHERS)
def test_values(written: str, expected: Optional[str]) -> None:
    found = read(f"KEY={written}\n")
    assert (found and found["KEY"]) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("export KEY=a", {"KEY": "a"}),
        ("export\t KEY=a", {"KEY": "a"}),
        ("exportKEY=a", {"exportKEY": "a"}),
        (" \tKEY = a ", {"KEY": "a"}),
        ("KEY: a", {"KEY": "a"}),
        ("a:b=c", {"a": "b=c"}),
        ("a.b-c[0]\xe9\xb2=1", {"a.b-c[0]\xe9\xb2": "1"}),
        ("KEY='a' OTHER=b", {"KEY": "a", "OTHER": "b"}),
        ("KEY='a\nb'\nOTHER=c", {"KEY": "a\nb", "OTHER": "c"}),
        ("KEY", {"KEY": None}),
        ("HOME", {"HOME": HOME}),
        ("# KEY=a", {}),
        ("  # KEY=a\n\n", {}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=1\nB=${A}2\nA=$B", {"A": "12", "B": "12"}),
        ("HOME=x\nB=$HOME", {"HOME": "x", "B": HOME}),
        ("KEY X=a", ERROR),
        ("; KEY=a", ERROR),
        ("KEY+=a", ERROR),
        ("=a", ERROR),
    ],
)
def test_lines(line: str, expected: Optional[Dict[str, Optional[str]]]) -> None:
    assert read(f"{line}\n") == expected


def test_a_bare_name_at_the_end_of_the_file_is_refused() -> None:
    assert read("A=1\nKEY") is ERROR


@pytest.mark.parametrize(
    ("text", "line"), [("A=1\n\n# c\nB+=2\n", 4), ("A='1\n2'\nB C=3\n", 3), ("A=1\nB='secret\n", 2), ("A=${\n", 1)]
)
def test_errors_name_the_line_and_show_no_text(text: str, line: int) -> None:
    with pytest.raises(ComposeSyntaxError) as caught:
        parse_statements(text)
    assert caught.value.line == line
    assert "secret" not in str(caught.value)


def test_without_an_environment_a_reference_is_not_literal() -> None:
    statements = {one.name: one for one in parse_statements("A=x\nB=$A\nC=${X:?needed}\nD='$A'\nE=$$A\n")}
    assert {name: one.value for name, one in statements.items()} == {"A": "x", "B": "x", "C": "", "D": "$A", "E": "$A"}
    assert {name for name, one in statements.items() if not one.literal} == {"B", "C"}
