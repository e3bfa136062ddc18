# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's two scripts as one release: whether each is whole, and what they say of versions and the setup tool."""

from __future__ import annotations

import re
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from .._commands.runner import COMMAND_TIMEOUT, Commands
from .._common.errors import BitwardenError
from .._deployment.bitwarden_sh import reads_command

SCRIPT, RUN = "bitwarden.sh", "run.sh"
#: Values of the options version and source.
LATEST = "latest"
DOWNLOAD = "download"

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\Z")
_SHEBANG = re.compile(r"#!\s*\S*(?:/env\s+|/)(?:ba)?sh\b")
_SHOWN = 60

# Without these a script is another one, or an old one. In both spellings that are in use.
_FUNCTIONS = {SCRIPT: ("downloadRun(?:File)?", "downloadSelf"), RUN: ("install", "restart", "update")}

# Releases before 2025 start the setup tool by dotnet.
_TOOL = re.compile(r"(?:/app/Setup|dotnet Setup\.dll)\b")
_TOOL_NOW = "/app/Setup"
_IMAGE = re.compile(r"([^\s\"'=]+/setup):\$\{?COREVERSION\b")
_IMAGE_NOW = "ghcr.io/bitwarden/setup"
_OTHER_VERSIONS = {"web": "web", "key-connector": "key_connector"}
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


class ScriptError(BitwardenError):
    """Scripts that cannot be used. The message names each, where it is from, and what is wrong with it."""


class Versions(NamedTuple):
    """The versions that a ``bitwarden.sh`` installs."""

    core: str
    web: str
    key_connector: str

    def of(self, service: str) -> str:
        """Return the version that the image of a service has."""
        return str(getattr(self, _OTHER_VERSIONS.get(service, "core")))


class Source(NamedTuple):
    """The content of one script, and where it is from (an address or a path, for messages)."""

    origin: str
    content: bytes


class ScriptPair(NamedTuple):
    """``bitwarden.sh`` and ``run.sh`` of one release, both checked."""

    script: bytes
    run: bytes
    versions: Versions

    @property
    def setup_image(self) -> str:
        """The image of the setup tool, as ``run.sh`` names it."""
        text = self.run.decode("utf-8", "replace")
        found = _IMAGE.search(text)
        name = _expanded(found.group(1), _assignments(text)) if found else _IMAGE_NOW
        return f"{name}:{self.versions.core}"

    def images(self, services: Iterable[str]) -> List[str]:
        """Return the images of Bitwarden's ``services``, and that of the setup tool, which is in the same registry."""
        registry = self.setup_image.rpartition("/")[0]
        return sorted({self.setup_image, *(f"{registry}/{one}:{self.versions.of(one)}" for one in services)})

    @property
    def setup_command(self) -> List[str]:
        """The command of the setup tool inside that image."""
        found = _TOOL.search(self.run.decode("utf-8", "replace"))
        return (found.group(0) if found else _TOOL_NOW).split()

    def setup_arguments(self, command: Sequence[str]) -> List[str]:
        """Return the setup tool with a command of its own, such as ``-update 1``, for the versions of the release."""
        versions = self.versions
        tool = [*self.setup_command, *command, "-os", "lin", "-corev", versions.core, "-webv", versions.web]
        return [*tool, "-keyconnectorv", versions.key_connector]


def checked_pair(commands: Commands, script: Source, run: Source) -> ScriptPair:
    """Check both scripts, which are not run. Raises ``ScriptError`` that names every fault of both."""
    faults = [*_faults(commands, SCRIPT, script), *_faults(commands, RUN, run)]
    versions, wrong = _versions(script) if not faults else (Versions("", "", ""), [])
    faults += wrong
    if faults:
        raise ScriptError(" ".join(faults))
    return ScriptPair(script.content, run.content, versions)


def version_error(text: str) -> str:
    """Return why ``text`` is not the version of a release, empty where it is one."""
    return "" if _VERSION.match(text) else f"{text} is not a version such as 2026.8.0"


def _faults(commands: Commands, name: str, source: Source) -> List[str]:
    text = source.content.decode("utf-8", "replace")
    first = text.split("\n", 1)[0][:_SHOWN]
    if not text.strip():
        return [f"{name} from {source.origin} is empty."]
    if not _SHEBANG.match(text):
        return [f"{name} from {source.origin} is not a bash script. It begins with {first!r}."]
    checked = commands.run([commands.find("bash") or "bash", "-n"], COMMAND_TIMEOUT, stdin=text)
    if checked.rc != 0:
        return [f"{name} from {source.origin} is broken: {checked.last_line.rstrip('.')}."]
    missing = [one for one in _FUNCTIONS[name] if not _function(one).search(text)]
    if missing or not reads_command(source.content):
        return [f"{name} from {source.origin} is cut off, or another script: it lacks {_lacking(missing)}."]
    return []


def _lacking(missing: List[str]) -> str:
    names = [re.sub(r"\(.*", "", one) for one in missing]
    return f"the function {', '.join(names)}" if names else "the line that reads its command"


def _function(name: str) -> re.Pattern[str]:
    either = re.sub(r"(?<=[a-z])(?=[A-Z])", "_?", name)
    return re.compile(rf"^(?:function\s+)?{either}\s*\(\)", re.MULTILINE | re.IGNORECASE)


def _versions(source: Source) -> Tuple[Versions, List[str]]:
    values = _assignments(source.content.decode("utf-8", "replace"))
    found = Versions(
        values.get("COREVERSION", ""), values.get("WEBVERSION", ""), values.get("KEYCONNECTORVERSION", LATEST)
    )
    named = {"COREVERSION": found.core, "WEBVERSION": found.web}
    wrong = [f"{name}={value}" if value else f"no {name}" for name, value in named.items() if version_error(value)]
    return found, [f"{SCRIPT} from {source.origin} has {one}, not a version such as 2026.8.0." for one in wrong]


def _assignments(text: str) -> Dict[str, str]:
    """Return the variables that a script sets to a plain text, or to one that the environment may replace."""
    lines = re.findall(r"^(\w+)=[\"']?(?:\$\{\w+:-([^}\"']*)\}|([^\s\"'$`]*))[\"']?\s*$", text, re.MULTILINE)
    return {name: default or plain for name, default, plain in reversed(lines)}


def _expanded(text: str, values: Dict[str, str]) -> str:
    return _VARIABLE.sub(lambda found: values.get(found.group(1), ""), text)
