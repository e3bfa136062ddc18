# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The documentation: what Ansible's own linter, Galaxy's importer and a reader who follows a link find."""

from __future__ import annotations

import ast
import re
import shutil
import tarfile

import pytest
import yaml
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.problems import TABLE

from tests.support.tools import docs
from tests.support.tools.commands import BIN, ROOT, WORK, check


def test_collection_docs():
    command = ["antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=all", "."]
    assert check("antsibull-docs", [str(BIN / command[0]), *command[1:]]).strip() == ""


def test_galaxy_would_import_without_a_warning():
    target = WORK / "importer"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    check("galaxy-build", [str(BIN / "ansible-galaxy"), "collection", "build", "--output-path", str(target), "."])
    artifact = next(target.glob("*.tar.gz"))
    output = check(
        "galaxy-importer",
        [str(BIN / "python"), "-m", "galaxy_importer.main", str(artifact)],
        cwd=target,
        HOME=str(target),
        PYTHONPATH="",
        ANSIBLE_COLLECTIONS_PATH=str(target),
        # It would have ansible-lint look at the same files again, with fewer rules than test_lint.py.
        GALAXY_IMPORTER_RUN_ANSIBLE_LINT="false",
    )
    assert tarfile.is_tarfile(artifact)
    assert not [line for line in output.splitlines() if re.match(r"(WARNING|ERROR)", line)], output


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]
)
def test_links(page):
    """Those of the README are absolute, for Galaxy shows it elsewhere; links to files of this project lead to one."""
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / page).read_text())
    blob = "https://github.com/selfhosted/bitwarden/blob/main/"
    for link in links:
        if link.startswith(blob):
            assert (ROOT / link[len(blob) :].partition("#")[0]).exists(), link
        elif not link.startswith(("https://", "#")):
            assert page != "README.md", f"{link} is not absolute"
            assert (ROOT / page).parent.joinpath(link.partition("#")[0]).exists(), link


def test_generated_parts_are_current():
    stale = [str(page.relative_to(ROOT)) for page, text in docs.pages().items() if text != page.read_text()]
    assert stale == [], "run make docs (python -m tests.support.tools.docs), and look at what it changes"


def test_the_page_of_variables_has_every_role():
    assert sorted(docs.ROLES.values()) == sorted(path.name for path in (ROOT / "roles").iterdir() if path.is_dir())


ARCHITECTURE = ROOT / "docs" / "architecture.md"


@pytest.mark.parametrize("folder", ["plugins", "tests"])
def test_the_map_shows_all_folders(folder):
    drawn = re.search(rf"^{folder}/\n((?:  .*\n)+)", ARCHITECTURE.read_text(), re.MULTILINE).group(1)
    there = {path.name for path in (ROOT / folder).iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}
    assert set(re.findall(r"^  (\w+)/", drawn, re.MULTILINE)) == there


def test_the_table_names_every_package():
    part = ARCHITECTURE.read_text().split("\n## Packages of `plugins/module_utils`\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    assert sorted(named) == sorted(path.parent.name for path in (ROOT / "plugins/module_utils").glob("*/__init__.py"))


TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
MODULES = ROOT / "plugins" / "modules"
HEADINGS = ("| you see", "| message", "| status", "| log line", "| exception", "| ---")
# Texts there that are Ansible's own.
ANSIBLES = ("Failed to set permissions on the temporary files",)
# Module -> where its RETURN documents what its failures are called.
CAUSES = {
    "billing_sync_token": ("cause",),
    "cloud_license": ("cause",),
    "license": ("cause",),
    "license_sync": ("cause",),
    "cloud_connectivity_info": ("checks", "contains", "layer"),
    "organization": ("license", "contains", "state"),
    "organization_info": ("license", "contains", "state"),
    "sync_log_info": ("failures", "contains", "cause"),
    "sponsorships_info": (),
}
# Call -> which argument is what the user reads.
MESSAGES = {
    "ApiError": 1,
    "Failure": 1,
    "LicenseError": 1,
    "SyncFailure": 1,
    "made": 2,
    "of": 2,
    "skipped": 0,
}


class _Texts(ast.NodeVisitor):
    """The texts of a Python file, docstrings apart; a null character stands for what is filled in."""

    def __init__(self, path):
        self.texts: list[str] = []
        self.messages: list[str] = []
        self.visit(ast.parse(path.read_text()))

    def visit_Expr(self, node):
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_Assign(self, node):
        target = node.targets[0]
        if getattr(target, "id", "") in ("DOCUMENTATION", "EXAMPLES", "RETURN"):
            return
        several = isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple)
        pairs = zip(target.elts, node.value.elts) if several else [(target, node.value)]
        self.messages += [_text(value) for name, value in pairs if getattr(name, "id", "") == "message"]
        self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            self.texts.append(_text(node))

    def visit_JoinedStr(self, node):
        self.texts.append(_text(node))
        self.generic_visit(node)

    def visit_Call(self, node):
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        good = any(isinstance(argument, ast.Constant) and argument.value is True for argument in node.args)
        if name == "append" and "warnings" in ast.unparse(node.func):
            self.messages.append(_text(node.args[0]))
        if name in MESSAGES and len(node.args) > MESSAGES[name] and not good:
            # A template has braces where a text of its own would have what is filled in.
            self.messages.append(re.sub(r"{\w+}", "\0", _text(node.args[MESSAGES[name]])))
        self.messages += [_text(keyword.value) for keyword in node.keywords if keyword.arg == "detail"]
        self.generic_visit(node)


def _text(node):
    """Return a text on one line, a null character in place of what is filled in."""
    if isinstance(node, ast.Constant):
        return " ".join(str(node.value).split())
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
    if isinstance(node, ast.BinOp):
        return f"{_text(node.left)} {_text(node.right)}"
    if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("replace", "format"):
        return _text(node.func.value)
    return "\0"


def _shows(quoted, texts):
    """Tell whether what the page quotes is in a text, of which there is one a line; ``…`` stands for anything."""
    pattern = r"[^\n]*?".join(re.escape(part.strip()) for part in quoted.split("…"))
    return re.search(pattern, texts, re.IGNORECASE) is not None


def _rows():
    """Yield the rows of the page's tables: the modules that the text above last named, and the first two cells."""
    modules: list[str] = []
    for line in TROUBLESHOOTING.read_text().splitlines():
        if line.startswith("| "):
            if not line.startswith(HEADINGS):
                _before, seen, cause, *_more = line.split("|")
                yield modules, seen, cause
        elif line.startswith("#"):
            modules = []
        else:
            modules = [name for name in _in_code(line) if (MODULES / f"{name}.py").is_file()] or modules


def _in_code(cell):
    return re.findall(r"`([^`]+)`", cell)


def test_quoted_messages_exist():
    files = [*ROOT.glob("roles/**/*.yml"), *ROOT.glob("playbooks/**/*.yml")]
    roles = [re.sub(r"{{.*?}}", "\0", path.read_text(), flags=re.DOTALL) for path in files]
    plugins = [text for path in ROOT.glob("plugins/**/*.py") for text in _Texts(path).texts]
    texts = "\n".join([*plugins, *(" ".join(role.split()) for role in roles), *ANSIBLES])
    generated = {one.seen for heading in docs.SECTIONS for one in docs.messages_of(heading)}
    quoted = [text for _modules, seen, _cause in _rows() for text in _in_code(seen)]
    assert len(quoted) > 150
    quoted = [text for text in quoted if not any(text in seen for seen in generated)]
    assert [text for text in quoted if not _shows(text, texts)] == []


@pytest.mark.parametrize("module", CAUSES)
def test_every_cause_has_a_row(module):
    rows = [causes for modules, _seen, causes in _rows() if module in modules]
    assert rows
    found = {cause for causes in rows for cause in _in_code(causes)}
    assert _documented(module) - found - {"ok"} == set()


def test_causes_are_documented():
    wrong = [
        (seen, cause)
        for modules, seen, causes in _rows()
        for cause in _in_code(causes)
        if not any(cause in _documented(module) for module in modules if module in CAUSES)
    ]
    assert wrong == []


def test_every_message_has_a_row():
    prose = [line for line in TROUBLESHOOTING.read_text().splitlines() if not line.startswith("|")]
    quoted = [text for _modules, seen, _cause in _rows() for text in _in_code(seen)]
    quoted += [text for line in prose for text in _in_code(line) if " " in text]
    generated = [f"{one.seen}. {one.advice}" for heading in docs.SECTIONS for one in docs.messages_of(heading)]
    code = ROOT / "plugins" / "module_utils"
    paths = [path for name in ("_api", "_backends", "_cloud", "_connectivity") for path in code.glob(f"{name}/*.py")]
    more = [code / f"_sync_log/{name}.py" for name in ("license_diagnosis", "license_failure")]
    found = [(path.name, message) for path in (*paths, *more) for message in _Texts(path).messages]
    found += [("problems.py", re.sub(r"\{[^}]*\}", "\0", row.message)) for row in TABLE if row.message]
    missing = [
        f"{name}: {message}"
        for name, message in found
        if _is_telling(message)
        and not any(_shows(text, message) for text in quoted)
        and not any(_shows(message.replace("\0", "…"), text) for text in generated)
    ]
    assert missing == []


def _is_telling(message):
    """Tell whether enough of it is fixed to look for."""
    return max(len(part.strip(" .:,;()'\"")) for part in message.split("\0")) >= 8


def _documented(module):
    """Return the causes in the documentation of a module's return values."""
    if not CAUSES[module]:
        return set()
    text = next(
        ast.literal_eval(node.value)
        for node in ast.parse((MODULES / f"{module}.py").read_text()).body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "RETURN"
    )
    returned = yaml.safe_load(text)
    for key in CAUSES[module]:
        returned = returned[key]
    return set(re.findall(r"V\(([^)]+)\)", str(returned["description"])))
