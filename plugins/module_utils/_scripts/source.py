# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where Bitwarden's scripts come from: Bitwarden's download, a release's tag, or a folder."""

from __future__ import annotations

import os
from typing import List, Mapping, Optional

from .._commands.runner import Commands
from .._common.errors import BitwardenError
from .._common.masking import mask_url_credentials
from .pair import LATEST, RUN, SCRIPT, ScriptError, ScriptPair, Source, checked_pair

_LATEST_URLS = {
    SCRIPT: "https://func.bitwarden.com/api/dl/?app=self-host&platform=linux",
    RUN: "https://func.bitwarden.com/api/dl/?app=self-host&platform=linux&variant=run",
}
_RELEASE_URL = "https://raw.githubusercontent.com/bitwarden/self-host/v{version}/{name}"

# What curl takes from the environment of the task.
_CURL = ("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "CURL_CA_BUNDLE",
         "SSL_CERT_FILE", "SSL_CERT_DIR")  # fmt: skip
_TIMEOUT = 60.0
_LARGEST = 128 * 1024  # bytes; the scripts have less than 16 KiB


class _NoScriptsError(ScriptError):
    """A site that answered, but not with the scripts."""


def download(commands: Commands, version: str, environ: Mapping[str, str], timeout: float = _TIMEOUT) -> ScriptPair:
    """Download both scripts of ``version`` (or ``latest``), and check them; nothing is written.

    Some releases have a tag of another version. As long as such a one is the latest it is found nevertheless.
    ``environ`` names the proxies. Raises ``ScriptError`` that names every fault.
    """
    try:
        return _download(commands, version, environ, timeout)
    except _NoScriptsError as error:
        latest = None if version == LATEST else _latest_or_none(commands, environ, timeout)
        if latest is None or latest.versions.core != version:
            raise ScriptError(str(error)) from None
        return latest


def _latest_or_none(commands: Commands, environ: Mapping[str, str], timeout: float) -> Optional[ScriptPair]:
    try:
        return _download(commands, LATEST, environ, timeout)
    except ScriptError:
        return None


def _download(commands: Commands, version: str, environ: Mapping[str, str], timeout: float) -> ScriptPair:
    curl = commands.find("curl")
    if curl is None:
        raise ScriptError("curl is not installed here, which bitwarden.sh needs as well. Install it.")
    faults: List[str] = []
    found, answered = {}, True
    for name in (SCRIPT, RUN):
        url = _LATEST_URLS[name] if version == LATEST else _RELEASE_URL.format(version=version, name=name)
        try:
            found[name] = Source(url, _fetch(commands, curl, url, environ, timeout))
        except BitwardenError as error:
            faults.append(f"{name} was not downloaded from {url}: {error}")
            answered = answered and isinstance(error, _NoScriptsError)
    if faults:
        raise (_NoScriptsError if answered else ScriptError)(" ".join(faults))
    return require_version(checked_pair(commands, found[SCRIPT], found[RUN]), version, f"of {found[SCRIPT].origin}")


def read_folder(commands: Commands, folder: str, version: str) -> ScriptPair:
    """Read both scripts from ``folder`` and check them. Raises ``ScriptError`` that names every fault."""
    paths = {name: os.path.join(folder, name) for name in (SCRIPT, RUN)}
    found, faults = {}, []
    for name, path in paths.items():
        try:
            with open(path, "rb") as stream:
                found[name] = Source(path, stream.read(_LARGEST))
        except OSError as error:
            faults.append(f"{path} cannot be read: {error.strerror}.")
    if faults:
        raise ScriptError(f"{' '.join(faults)} source must be a folder with {SCRIPT} and {RUN} of one release in it.")
    return require_version(checked_pair(commands, found[SCRIPT], found[RUN]), version, f"in {folder}")


def require_version(pair: ScriptPair, version: str, where: str) -> ScriptPair:
    """Return ``pair``. Raises ``ScriptError`` where it is of another version than the one that was asked for."""
    core = pair.versions.core
    if version not in (LATEST, core):
        raise ScriptError(f"The scripts {where} are of version {core}, not {version}. Set version to {core}.")
    return pair


def _fetch(commands: Commands, curl: str, url: str, environ: Mapping[str, str], timeout: float) -> bytes:
    """Return what a URL responds with. A redirect is followed, as bitwarden.sh does."""
    arguments = ["--silent", "--show-error", "--location", "--proto", "=https", "--max-time", f"{timeout:.0f}"]
    limits = ["--max-filesize", str(_LARGEST), "--write-out", "\n%{http_code}", url]
    passed = {name: environ[name] for name in _CURL if name in environ}
    result = commands.run([curl, *arguments, *limits], timeout + 5, environment=passed)
    problem = _problem(result.rc, result.ending, result.stderr)
    body, _newline, status = result.stdout.rpartition("\n")
    if problem is None and not status.startswith("20"):
        raise _NoScriptsError(
            f"the response has the status {status or 'none'}. Check version, and firewalls and proxies on the way."
        )
    if problem is not None:
        raise ScriptError(problem)
    return body.encode("utf-8")


def _problem(rc: int, ending: str, stderr: str) -> Optional[str]:
    if rc == 0:
        return None
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    said = mask_url_credentials(lines[-1]) if lines else f"curl {ending}"
    return f"{said.rstrip('.')}. Check the network of the host, or set source to a folder with the scripts."
