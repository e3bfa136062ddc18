# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The generated parts of the documentation: tables of plugins and of messages."""

from __future__ import annotations

import ast
import sys
import types

import pytest

from tests.support.tools import docs, messages
from tests.support.tools.commands import ROOT

CODE = """
class SampleError(Exception):
    def __init__(self, layer, message, advice="", *, cause=""):
        super().__init__(message)

ADVICE = "Read the log."

def fail(name, old, profile):
    start = f"Could not read {name}"
    if old:
        message, advice = f"{name} is too old.", "Update it."
    else:
        message, advice = f"{name} is unknown.", "Check it."
    raise SampleError("layer", message, advice=advice)

def fails_too(name, kind):
    error = ValueError("not ours, whatever it says")
    what = "password" if kind else "one-time password"
    raise SampleError("layer", f"{start}: no {what} is set.", advice=ADVICE, cause="no_" + "password")

def warn(result):
    result.warnings.append("The file was not read: permission denied. Run as root.")
    raise SampleError("layer", f"{result}: {result}")
"""


@pytest.fixture
def sample(monkeypatch):
    """Make a module with errors; return how the messages of a function are read."""
    module = types.ModuleType(f"{messages._PACKAGE}.sample")
    exec(CODE, vars(module))
    module.SampleError.__module__ = module.__name__
    monkeypatch.setitem(sys.modules, module.__name__, module)
    functions = [node for node in ast.parse(CODE).body if isinstance(node, ast.FunctionDef)]
    return lambda name, choice=0: [
        tuple(message)
        for function in functions
        if function.name == name
        for message in messages._Scope(module, function, choice).messages()
    ]


def test_each_branch_has_its_own_advice(sample):
    assert sample("fail") == [
        ("… is too old.", "", "", "Update it."),
        ("… is unknown.", "", "", "Check it."),
    ]


def test_both_sides_of_a_conditional_expression(sample):
    found = [seen for choice in (0, 1) for seen, *_rest in sample("fails_too", choice)]
    assert found == ["…: no password is set.", "…: no one-time password is set."]


def test_constants_and_causes(sample):
    assert sample("fails_too")[0][1:] == ("no_password", "", "Read the log.")


def test_warnings(sample):
    assert sample("warn")[0][0] == "The file was not read: permission denied. Run as root."


def test_what_to_do_is_cut_off_a_message_without_advice():
    message = messages.Message("The file … is not readable. Run as root. Then try again.", "", "", "")
    assert messages._split(message)[:1] == ("The file … is not readable",)
    assert messages._split(message).advice == "Run as root. Then try again."
    assert messages._split(message._replace(advice="Ask.")).seen == message.seen


@pytest.mark.parametrize(("seen", "expected"), [("…: …", False), ("… (…).", False), ("… cannot be read: …", True)])
def test_a_message_that_only_passes_another_on_is_left_out(seen, expected):
    assert messages._tells(seen) is expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"IDX\d+", "IDX…"),
        (r"(?:collections|shared folders)\. Your new", "collections. Your new"),
        ("seats filled", "seats filled"),
    ],
)
def test_patterns_are_shown_as_text(pattern, expected):
    assert messages._plain(pattern) == expected


def test_tables_of_the_code():
    found = {message.seen: message for message in messages.of("_licenses/problems")}
    assert found["The license has … bytes, which is more than a server accepts."].cause == "too_large"
    assert found["seats filled"].advice.startswith(
        "Remove users on the server; or add seats in the cloud, then download"
    )


def test_rows_replace_those_of_the_table():
    text = "a\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n| 3 | 4 |\n\nb | c\n"
    assert docs.replace_table(text, ("x", "y"), [("5", "6")]) == "a\n\n| x | y |\n| --- | --- |\n| 5 | 6 |\n\nb | c\n"
    with pytest.raises(ValueError, match="there is no table of z"):
        docs.replace_table(text, ("z",), [])


def test_every_package_has_its_section():
    """All but those whose messages are shown where they are used."""
    shown = {source.partition("/")[0] for sources in docs.SECTIONS.values() for source in sources if "*" in source}
    packages = {path.parent.name for path in (ROOT / "plugins/module_utils").glob("*/__init__.py")}
    assert packages - shown <= {"_common", "_families_sync"}


def test_no_message_is_shown_twice_in_a_section():
    for heading in docs.SECTIONS:
        seen = [message.seen for message in docs.messages_of(heading)]
        assert len(seen) == len(set(seen)), heading
