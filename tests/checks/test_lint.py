# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Style, types and the rules of Ansible, each by its own tool."""

from __future__ import annotations

import pytest

from tests.support.tools.commands import BIN, ROOT, check

TOOLS = {
    "ruff": ["ruff", "check", "--quiet", "."],
    "mypy": ["mypy", "--strict", "plugins"],
    "yamllint": ["yamllint", "--strict", "."],
    "ansible-lint": ["ansible-lint", "--nocolor", "--offline", "--profile", "production", "--strict"],
    "antsibull-changelog": ["antsibull-changelog", "lint"],
    "changelog.yaml": ["antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml"],
}


@pytest.mark.parametrize("name", TOOLS)
def test_lint(name):
    program, *arguments = TOOLS[name]
    check(name, [str(BIN / program), *arguments])


def test_no_rule_is_switched_off():
    """Neither by an ignore file nor by a list of skipped rules."""
    assert not list(ROOT.glob("tests/sanity/ignore*")) and not (ROOT / ".ansible-lint-ignore").exists()
    settings = (ROOT / ".ansible-lint").read_text()
    assert "skip_list" not in settings and "warn_list" not in settings
    for folder in ("roles", "playbooks", "docs/examples", "extensions"):
        for path in ROOT.glob(f"{folder}/**/*.yml"):
            assert "noqa" not in path.read_text(), path
