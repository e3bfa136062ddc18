# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The version of the next release, told alike by Galaxy, the API's client, plugins, roles and the changelog."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple

import yaml
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.client import USER_AGENT

from tests.support.tools.commands import ROOT

NEXT: str = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
RELEASES: Dict[str, Dict[str, Any]] = yaml.safe_load((ROOT / "changelogs" / "changelog.yaml").read_text())["releases"]


def released() -> Dict[Tuple[str, str], str]:
    """Return the release of each plugin and role that the changelog knows, by kind and name."""
    found = {}
    for version, release in RELEASES.items():
        kinds = {"module": release.get("modules", []), **release.get("plugins", {}), **release.get("objects", {})}
        found.update({(kind, one["name"]): version for kind, added in kinds.items() for one in added})
    return found


def documented() -> Iterator[Tuple[Tuple[str, str], Dict[str, Any]]]:
    """Yield the documentation of each module, filter and role, by kind and name."""
    for kind, folder in (("module", "modules"), ("filter", "filter")):
        for path in sorted((ROOT / "plugins" / folder).glob("[a-z]*.py")):
            yield (kind, path.stem), documentation(path)
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        yield ("role", path.parts[-3]), yaml.safe_load(path.read_text())["argument_specs"]["main"]


def documentation(path: Path) -> Dict[str, Any]:
    """Return the DOCUMENTATION of a plugin's file."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DOCUMENTATION":
            found: Dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return found
    raise LookupError(path)


def test_the_client_tells_the_version():
    assert USER_AGENT.split()[0] == f"selfhosted.bitwarden/{NEXT}"


def test_each_plugin_is_of_the_release_that_brought_it():
    before = released()
    added = {key: documentation["version_added"] for key, documentation in documented()}
    assert len(added) > 30
    assert added == {key: before.get(key, NEXT) for key in added}


def test_no_option_is_older_than_its_plugin_or_newer_than_the_next_release():
    wrong = []
    for key, documentation in documented():
        for name, option in (documentation.get("options") or {}).items():
            version = option.get("version_added", documentation["version_added"])
            if not documentation["version_added"] <= version <= NEXT:
                wrong.append((*key, name, version))
    assert wrong == []
