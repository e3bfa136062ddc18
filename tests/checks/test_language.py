# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Wording that this project avoids, its tests included: terms that nobody in the field uses, and Germanisms."""

from __future__ import annotations

import ast
import re

import pytest

from tests.support.tools.commands import ROOT

# Pattern: what to write instead.
WORDING = {
    r"\bNotWell\b|\b(?:is|are|gets?|becomes?|stays?) well\b|\bsick\b": "healthy, unhealthy",
    r"\blast words\b|\bobituar": "last log lines",
    r"\bkeeps? dying\b": "crash-loops",
    r"\blook\(|\blook_at\b": "inspect",
    r"\banew\b": "again, recreated",
    r"(?i)\b(?<!their )ways?[_ ]back\b|WayBack": "rollback",
    r"\bat hand\b": "local images",
    r"\b(?:Peer|Objection|Wanted|Blocked|side_by_side)\b": "see the terms",
    r"\bdangers\b|\brefusals?\b": "warnings, errors",
    r"\bheal(?:s|ed)?\b|\bHEALED\b": "normalize",
    r"\bwhoever\b|\bsomebody\b|\bwants\b": "anyone, another process, requires",
    r"\bbelongs? into\b": "belongs in",
    r"\bin between\b": "name it: a proxy or firewall",
    r"\ban own\b": "its own",
    r"\bstops to\b": "stops …ing",
    r"(?<![Tt]here )\b(?:is|are|was|were) no (?!longer\b|more\b|other\b)\w+": "is not a",
    r"(?<!leave )(?<!left )(?<!let )\balone\b": "only",
    r"\bwithout a word\b": "silently",
    r"\btyping errors?\b": "typo",
    r"[\"'(]camelCase\b": "camel_case",
}
# Generated from what a server says, recorded, or this table.
NOT_OURS = ("catalog.py", "test_language.py")
# The changelog names what was renamed.
RENAMED = "is now C("
PAGES = sorted(
    path
    for folder in ("plugins", "roles", "playbooks", "docs", "tests", "extensions", "changelogs/fragments", "*.md")
    for found in ROOT.glob(folder)
    for path in ([found] if found.is_file() else found.rglob("*"))
    if path.suffix in (".py", ".sh", ".yml", ".md", ".j2") and path.name not in NOT_OURS
)


@pytest.mark.parametrize("pattern", WORDING)
def test_wording(pattern):
    found = [
        f"{path.relative_to(ROOT)}:{number}: {match.group(0)!r} in {line.strip()[:120]!r}"
        for path in PAGES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if RENAMED not in line
        for match in re.finditer(pattern, line)
    ]
    assert found == [], f"write instead: {WORDING[pattern]}"


# ruff's D401 lets these pass.
NOT_A_VERB = re.compile(
    r"(?:Whether|What|How|When|Where|Why|Which|Who|The|An?|Those|That|This|These|Each|Every|All|Its?|No|None|One|If|For"
    r"|From|By|In|As|Of|Until|Only|Also|Everything|Others)\b"
)


def test_a_docstring_of_a_function_begins_with_a_verb():
    """Properties are read like values, and described like them; a test says what holds."""
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {docstring.splitlines()[0]}"
        for folder in ("plugins", "tests")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("test_")
        if not any("property" in ast.unparse(one) for one in node.decorator_list)
        for docstring in [ast.get_docstring(node) or ""]
        if NOT_A_VERB.match(docstring)
    ]
    assert wrong == []
