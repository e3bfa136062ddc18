# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""``make docs``: write the parts of the documentation that the code holds already, so that a text lives once."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, Iterator, List, Sequence

import yaml

from tests.support.tools import messages

ROOT = Path(__file__).resolve().parents[3]
PLUGINS = ROOT / "plugins"
UTILS = PLUGINS / "module_utils"
#: Headings of the page of troubleshooting -> the files of module_utils whose messages are shown there. A file that is
#: named is not among those of a pattern.
SECTIONS = {
    "Reaching a server": ("_api/*", "_backends/*"),
    "The account in the cloud": ("_cloud/*",),
    "Fetching the token": ("_backends/billing_sync_token",),
    "Saving the token": ("_backends/billing_sync", "_api/connections", "_api/connection_license"),
    "Downloading a license": ("_backends/cloud_license", "_cloud/private_file"),
    "Uploading a license": ("_licenses/*", "_backends/license", "_backends/license_upload"),
    "Connectivity": ("_connectivity/*",),
    "The license on the server": ("_api/subscription",),
    "License sync": ("_backends/license_sync", "_backends/sync_due", "_backends/sync_attempts", "_sync_log/*"),
    "Sponsorships": ("_api/sponsorships", "_backends/sponsorships_info"),
    "Backups": ("_database/*", "_backup/*"),
    "Restores": ("_restore/*", "_drill/*"),
    "Versions, certificate, backup": ("_server_status/*", "_fleet_status/*"),
    "Installing": ("_install/*", "_scripts/*"),
    "Updating": ("_update/*", "_fleet_run/*"),
    "Settings and restarts": ("_settings/*", "_env_files/*", "_deployment/*", "_docker/*", "_compose/*", "_commands/*"),
    "config.yml and certificate": ("_config_yml/*", "_certificates/*", "_reconfiguration/*"),
}
#: Their advice follows from the status; the page has a table of it.
_BY_STATUS = re.compile(r'Could not …: … (?:answered|responded) …(?: with a page)?(?:: "…")?\.\Z')
#: Headings of the page of variables -> the roles whose variables are shown there.
ROLES = {
    "Families sync": "families_sync",
    "Update": "update",
    "Backup": "backup",
    "Restore": "restore",
    "Install": "install",
    "Fleet status": "fleet_status",
}
#: Variables that the role families_sync hands to the role update, which shows them.
_OF_UPDATE = "bitwarden_update_"
VARIABLE_HEADINGS = ("variable", "default", "meaning")
_MARKUP = re.compile(r"\b(RV|[OVCEMPU])\(([^()]*)\)")
MESSAGE_HEADINGS = ("message", "cause", "what to do")
LOG_HEADINGS = ("log line", "cause", "because", "what to do", "transient")
EXCEPTION_HEADINGS = ("exception", "detail", "what to do", "transient")
#: Group for ``module_defaults`` -> where its modules run.
_UNGROUPED_ON = {"server_unchanged": "host"}
_RUNS_ON = {"host": "host", "api": "controller or host", "cloud": "controller"}


def main() -> None:
    """Write all pages that have generated parts."""
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")


def pages() -> Dict[Path, str]:
    """Return each page with its generated parts as the code has them now."""
    return {page: render(page.read_text(encoding="utf-8")) for page, render in PAGES.items()}


def readme(text: str) -> str:
    """Return the README with the table of plugins."""
    rows = [
        ("`families_sync` (playbook)", "Run the role over a fleet, in batches, with a table at the end", "both"),
        ("`families_sync` (role)", "Take one server through the Families sync flow", "both"),
        ("`backup` (playbook)", "Back up the servers of a fleet and fetch the sets, with a table at the end", "both"),
        ("`backup` (role)", "Back up a server as a verified set, and fetch it", "both"),
        (
            "`restore` (playbook)",
            "Restore servers, each with its own confirmation, or rehearse a restore, with a table at the end",
            "both",
        ),
        ("`restore` (role)", "Restore a server from a backup set, or rehearse a restore in a drill", "both"),
        (
            "`fleet_status` (playbook)",
            "Show the status of a fleet and write it for monitoring",
            "both",
        ),
        ("`fleet_status` (role)", "Gather and evaluate the status of the servers of a play", "both"),
        ("`install` (playbook)", "Install servers on the hosts of a fleet, with a table at the end", "both"),
        ("`install` (role)", "Install a server, and start it on its settings", "host"),
        ("`update` (playbook)", "Update the servers of a fleet, a canary first, with a table at the end", "both"),
        ("`update` (role)", "Update a server, with rollback", "host"),
        *plugins(),
    ]
    return replace_table(text, ("plugin", "what it does", "runs on"), rows)


def plugins() -> Iterator[Sequence[str]]:
    """Yield a row for each plugin: modules by group, then filters."""
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    for group, modules in groups.items():
        for module in modules:
            yield f"`{module}` (module)", short_description(PLUGINS / "modules" / f"{module}.py"), _RUNS_ON[group]
    grouped = {module for modules in groups.values() for module in modules}
    for path in sorted((PLUGINS / "modules").glob("[!_]*.py")):
        if path.stem not in grouped:
            yield f"`{path.stem}` (module)", short_description(path), _UNGROUPED_ON.get(path.stem, "controller")
    for path in sorted((PLUGINS / "filter").glob("[!_]*.py")):
        yield f"`{path.stem}` (filter)", short_description(path), "controller"


def troubleshooting(text: str) -> str:
    """Return the page of troubleshooting with the tables of messages."""
    for heading in SECTIONS:
        before, found, rest = re.split(rf"^(#+ {heading}\n)", text, maxsplit=1, flags=re.MULTILINE)
        table = replace_table(rest, MESSAGE_HEADINGS, [_cells(one) for one in messages_of(heading)])
        text = before + found + table
    text = replace_table(text, LOG_HEADINGS, list(log_rows()))
    return replace_table(text, EXCEPTION_HEADINGS, list(exception_rows()))


def variables(text: str) -> str:
    """Return the page of variables with the tables of all roles."""
    for heading, role in ROLES.items():
        before, found, rest = re.split(rf"^(## {heading}\n)", text, maxsplit=1, flags=re.MULTILINE)
        text = before + found + replace_table(rest, VARIABLE_HEADINGS, list(variable_rows(role)))
    return text


def variable_rows(role: str) -> Iterator[Sequence[str]]:
    """Yield a row for each variable of a role, from its argument specification."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    for name, spec in specs["argument_specs"]["main"]["options"].items():
        if role == "families_sync" and name.startswith(_OF_UPDATE):
            continue
        told = spec["description"]
        texts = [told] if isinstance(told, str) else list(told)
        if "choices" in spec:
            texts.append(f"One of {', '.join(f'V({one})' for one in spec['choices'])}.")
        yield f"`{name}`", _default(spec), _MARKUP.sub(_marked, " ".join(texts)).replace("|", "\\|")


def _default(spec: Dict[str, Any]) -> str:
    if spec.get("required"):
        return "required"
    value = spec.get("default")
    if value is None:
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else '`""`'


def _marked(match: re.Match[str]) -> str:
    kind, text = match.groups()
    if kind == "U":
        return f"<{text}>"
    return f"`{re.sub(r'#.*', '', text.rpartition('.')[2])}`" if kind in "MP" else f"`{text}`"


def log_rows() -> Iterator[Sequence[str]]:
    """Yield a row for each cause of a failed sync, with all log lines that tell it."""
    by_code: Dict[str, List[Any]] = {}
    for cause in messages.load("_sync_log/causes").TABLE:
        by_code.setdefault(cause.code, []).append(cause)
    for code, causes in by_code.items():
        advice = causes[0].advice.format(detail="…", remedy="…")
        transient = "as the exception tells" if "{remedy}" in causes[0].advice else _yes(causes[0].transient)
        yield ", ".join(f"`{one.seen}`" for one in causes), f"`{code}`", causes[0].because, advice, transient


def exception_rows() -> Iterator[Sequence[str]]:
    """Yield a row for each exception that tells why the cloud was not reached."""
    for cause in messages.load("_sync_log/causes").NETWORK_TABLE:
        yield f"`{cause.seen}`", cause.detail, cause.advice, _yes(cause.transient)


def _yes(value: bool) -> str:
    return "yes" if value else ""


def messages_of(heading: str) -> List[messages.Message]:
    """Return the messages of a section, each once."""
    found = [one for source in SECTIONS[heading] for path in files(source) for one in messages.of(path)]
    return list({one.seen: one for one in reversed(found) if not _BY_STATUS.match(one.seen)}.values())[::-1]


def files(source: str) -> Iterable[str]:
    """Return the files that a source of `SECTIONS` stands for."""
    named = {one for sources in SECTIONS.values() for one in sources}
    if not source.endswith("*"):
        return [source]
    paths = sorted(UTILS.glob(f"{source[:-1]}[!_]*.py"))
    names = [str(path.relative_to(UTILS).with_suffix("")) for path in paths]
    return [name for name in names if name not in named]


def _cells(message: messages.Message) -> Sequence[str]:
    causes = "; ".join(filter(None, (f"`{message.cause}`" if message.cause else "", message.because)))
    seen = re.sub("…+", "…", f"`{message.seen}`")
    return seen.replace("|", "\\|"), causes, message.advice.replace("|", "\\|")


def short_description(plugin: Path) -> str:
    """Return the short description in a plugin's documentation."""
    for node in ast.parse(plugin.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            text = str(yaml.safe_load(ast.literal_eval(node.value))["short_description"])
            return re.sub(r"[A-Z]\(([^)]*)\)", r"`\1`", text)
    raise ValueError(f"{plugin} has no DOCUMENTATION")


def replace_table(text: str, headings: Sequence[str], rows: Iterator[Sequence[str]] | List[Sequence[str]]) -> str:
    """Return ``text`` with other rows in the table that has these headings."""
    head = f"{_line(headings)}{_line(['---'] * len(headings))}"
    before, found, rest = text.partition(head)
    if not found:
        raise ValueError(f"there is no table of {', '.join(headings)}")
    return before + head + "".join(map(_line, rows)) + re.sub(r"\A(\|.*\n)*", "", rest)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


PAGES: Dict[Path, Callable[[str], str]] = {
    ROOT / "README.md": readme,
    ROOT / "docs" / "troubleshooting.md": troubleshooting,
    ROOT / "docs" / "variables.md": variables,
}


if __name__ == "__main__":
    main()
