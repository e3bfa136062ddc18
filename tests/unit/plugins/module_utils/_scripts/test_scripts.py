# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's scripts before they are used: what is wrong with each is named, and what they say is read."""

from __future__ import annotations

import os
import re

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account, Commands
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.pair import (
    RUN,
    SCRIPT,
    ScriptError,
    Source,
    Versions,
    checked_pair,
    version_error,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.source import download, read_folder

from tests.support.fleet.names import FILES

GOOD = {name: (FILES / "bitwarden" / name).read_bytes() for name in (SCRIPT, RUN)}
REAL_LINE = b"""docker run -it --rm --name setup -v $OUTPUT_DIR:/bitwarden \\
        --env-file $ENV_DIR/uid.env ghcr.io/bitwarden/setup:$COREVERSION \\
        /app/Setup -install 1 -domain $DOMAIN
"""


@pytest.fixture
def commands():
    return Commands(Account.owner_of("/proc/self"), {"PATH": os.environ["PATH"]})


def pair_of(commands, script=GOOD[SCRIPT], run=GOOD[RUN]):
    return checked_pair(commands, Source("https://a.test/1", script), Source("https://a.test/2", run))


def test_good_scripts_tell_versions_and_the_setup_tool(commands):
    pair = pair_of(commands)
    assert pair.versions == Versions("2026.8.0", "2026.8.0", "2025.11.0")
    assert pair.setup_image == "registry.fleet.test:5000/bitwarden/setup:2026.8.0"
    assert pair.setup_command == ["/app/Setup"]


@pytest.mark.parametrize(
    ("line", "image", "command"),
    [
        (REAL_LINE, "ghcr.io/bitwarden/setup:2026.8.0", ["/app/Setup"]),
        (
            REAL_LINE.replace(b"ghcr.io/", b"").replace(b"/app/Setup", b"dotnet Setup.dll"),
            "bitwarden/setup:2026.8.0",
            ["dotnet", "Setup.dll"],
        ),
        (b"", "ghcr.io/bitwarden/setup:2026.8.0", ["/app/Setup"]),
    ],
)
def test_image_and_command_are_those_of_run_sh(commands, line, image, command):
    functions = b"".join(b"function %s() {\n%s:\n}\n" % (name, line) for name in (b"install", b"restart", b"update"))
    run = b'#!/usr/bin/env bash\nCOREVERSION="latest"\n' + functions + b'if [ "$1" == "install" ]; then install; fi\n'
    pair = pair_of(commands, run=run)
    assert (pair.setup_image, pair.setup_command) == (image, command)


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (lambda _content: b"", "is empty"),
        (lambda _content: b"<!DOCTYPE html>\n<html></html>\n", "not a bash script. It begins with '<!DOCTYPE html>'"),
        (lambda content: content[: content.index(b"fi\n")], "is broken: "),
        (lambda content: content[: content.rindex(b'case "$1"')], "lacks the line that reads its command"),
        (lambda content: re.sub(rb"^install\(\)", b"instal()", content, flags=re.M), "lacks the function install"),
    ],
)
def test_what_is_wrong_with_a_script_is_named(commands, change, seen):
    with pytest.raises(ScriptError) as error:
        pair_of(commands, run=change(GOOD[RUN]))
    assert str(error.value).startswith("run.sh from https://a.test/2 ")
    assert seen in str(error.value)
    assert "bitwarden.sh" not in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "seen"),
    [
        (b'COREVERSION="2026.8.0"', b'COREVERSION="latest"', "has COREVERSION=latest, not a version"),
        (b'WEBVERSION="2026.8.0"', b"", "has no WEBVERSION, not a version"),
    ],
)
def test_versions_must_be_versions(commands, old, new, seen):
    with pytest.raises(ScriptError, match=seen):
        pair_of(commands, script=GOOD[SCRIPT].replace(old, new))


def test_both_scripts_are_judged_at_once(commands):
    with pytest.raises(ScriptError, match=r"bitwarden\.sh from .* is empty\. run\.sh from .* is not a bash script"):
        pair_of(commands, b"", b"no")


@pytest.mark.parametrize("text", ["latest", "2026.8", "v2026.8.0", "2026.8.0-beta", ""])
def test_what_is_not_a_version(text):
    assert version_error(text)


def test_a_version():
    assert version_error("2026.10.0") == ""


def test_a_folder_is_read_and_its_version_compared(commands, tmp_path):
    for name, content in GOOD.items():
        (tmp_path / name).write_bytes(content)
    for version in ("latest", "2026.8.0"):
        assert read_folder(commands, str(tmp_path), version).versions.core == "2026.8.0"
    with pytest.raises(ScriptError, match=r"are of version 2026\.8\.0, not 2026\.7\.0"):
        read_folder(commands, str(tmp_path), "2026.7.0")
    (tmp_path / RUN).unlink()
    with pytest.raises(ScriptError, match=r"run\.sh cannot be read: No such file or directory"):
        read_folder(commands, str(tmp_path), "latest")


CURL = """#!/bin/sh
for url; do :; done
echo "$HTTPS_PROXY $*" | tr '\\n' ' ' | sed 's/ $/\\n/' >> {folder}/calls
case "$url" in *run*) part=run ;; *) part=self ;; esac
. {folder}/answer
[ -z "$says" ] || echo "$says" >&2
if [ -f "$body" ]; then cat "$body"; else printf %s "$body"; fi
printf '\\n%s' "$http"
exit $rc
"""


@pytest.fixture
def curl(tmp_path):
    """Make a curl that responds as the given shell variables say; return commands that find it, and its calls."""
    folder = tmp_path / "curl"
    folder.mkdir()
    (folder / "curl").write_text(CURL.format(folder=folder))
    (folder / "curl").chmod(0o755)
    for name, content in GOOD.items():
        (folder / name).write_bytes(content)

    def answer(text):
        good = f"[ $part = run ] && body={folder}/{RUN} || body={folder}/{SCRIPT}; http=200 rc=0 says=''\n"
        (folder / "answer").write_text(good + text)
        return Commands(Account.owner_of("/proc/self"), {"PATH": f"{folder}:{os.environ['PATH']}"})

    answer.calls = lambda: (folder / "calls").read_text().splitlines()
    return answer


@pytest.mark.parametrize(
    ("version", "first", "second"),
    [
        (
            "latest",
            "https://func.bitwarden.com/api/dl/?app=self-host&platform=linux",
            "https://func.bitwarden.com/api/dl/?app=self-host&platform=linux&variant=run",
        ),
        (
            "2026.8.0",
            "https://raw.githubusercontent.com/bitwarden/self-host/v2026.8.0/bitwarden.sh",
            "https://raw.githubusercontent.com/bitwarden/self-host/v2026.8.0/run.sh",
        ),
    ],
)
def test_both_scripts_are_downloaded_byte_for_byte_through_the_proxy(curl, version, first, second):
    pair = download(curl(""), version, {"HTTPS_PROXY": "http://proxy.test:3128", "SECRET": "x"})
    assert (pair.script, pair.run) == (GOOD[SCRIPT], GOOD[RUN])
    calls = curl.calls()
    assert [call.split(" ")[0] for call in calls] == ["http://proxy.test:3128"] * 2
    assert [call.split(" ")[-1] for call in calls] == [first, second]
    assert all("--location" in call and "--max-time 60" in call for call in calls)


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("body='' http=000 rc=6 says='curl: (6) Could not resolve host: func.bitwarden.com'", "Could not resolve host"),
        ("http=404", "the response has the status 404"),
        ("http=200 rc=18 says='curl: (18) transfer closed'", "curl: (18) transfer closed. Check the network"),
        ("body='<html>' http=200", "is not a bash script"),
        ("body='' http=200", "is empty"),
        ("rc=28", "ended with status 28"),
        ("rc=5 says='curl: (5) http://me:secret@proxy.test refuses'", "http://********@proxy.test refuses"),
    ],
)
def test_a_download_that_failed_is_told(curl, answer, seen):
    with pytest.raises(ScriptError) as error:
        download(curl(answer + "\n"), "latest", {})
    assert seen in str(error.value)
    assert str(error.value).count("https://func.bitwarden.com") >= 2, "one of the scripts is not named"


def test_a_tag_with_another_version_inside_is_refused(curl):
    with pytest.raises(ScriptError, match=r"are of version 2026\.8\.0, not 2026\.7\.1\. Set version to 2026\.8\.0"):
        download(curl(""), "2026.7.1", {})


@pytest.mark.parametrize(("version", "found"), [("2026.8.0", True), ("2026.7.1", False)])
def test_a_release_without_a_tag_of_its_own_is_found_as_the_latest(curl, version, found):
    commands = curl('case "$url" in *raw.github*) http=404 ;; esac\n')
    if found:
        assert download(commands, version, {}).versions.core == version
        return
    with pytest.raises(ScriptError, match=rf"/v{version}/run\.sh: the response has the status 404"):
        download(commands, version, {})


def test_curl_must_be_there(commands, monkeypatch):
    monkeypatch.setattr(commands, "find", lambda name, folders=None: None)
    with pytest.raises(ScriptError, match="curl is not installed"):
        download(commands, "latest", {})
