# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The replay notices when a recording says something else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from standin.replay.__main__ import replay
from standin.replay.recordings import PROJECT

MASK = "mutated"


def _file(name, keep):
    """Return a recording cut to the items that ``keep`` names."""
    content = json.loads((PROJECT / name).read_text())
    kind = next(kind for kind in ("exchanges", "starts", "logs", "rewrites") if kind in content)
    items = content[kind]
    content[kind] = {key: items[key] for key in keep} if isinstance(items, dict) else [items[number] for number in keep]
    return content, content[kind]


def _differences(folder, name, content, scratch):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content))
    scratch.mkdir(exist_ok=True)
    (report,) = replay(folder, scratch)
    return report.differences


def _set(path, value):
    """Return a change of one field, by its path."""

    def change(item):
        *parents, last = path
        for name in parents:
            item = item[name]
        if value is MASK:
            del item[last]
        else:
            item[last] = value

    return change


BODY = ("response", "json")
HEADERS = ("response", "headers")
MUTATIONS = [
    ("identity.json", 0, _set(("response", "status"), 201), "status"),
    ("identity.json", 0, _set((*BODY, "expires_in"), 3601), "expires_in"),
    ("identity.json", 0, _set((*BODY, "expires_in"), "3600"), "expires_in"),
    ("identity.json", 0, _set((*BODY, "Kdf"), MASK), "Kdf"),
    ("identity.json", 0, _set((*BODY, "NoSuchMember"), None), "NoSuchMember"),
    (
        "identity.json",
        0,
        _set((*BODY, "UserDecryptionOptions", "MasterPasswordUnlock", "Salt"), "x@example.com"),
        "Salt",
    ),
    ("identity.json", 0, _set((*HEADERS, "cache-control"), "no-cache"), "cache-control"),
    ("identity.json", 3, _set((*BODY, "ErrorModel", "Message"), "No."), "Message"),
    ("identity.json", 3, _set(("response", "delay_seconds"), 1), "delay"),
    ("reading.json", 5, _set((*BODY, "organizations", 1, "useScim"), False), "useScim"),
    ("reading.json", 8, _set((*BODY, "expiration"), "2027-12-26T00:00:00"), "expiration"),
    ("reading.json", 38, _set((*HEADERS, "www-authenticate"), "Basic"), "www-authenticate"),
    ("reading.json", 5, _set(("as",), "unknown"), "account: unknown"),
    ("cloud.json", 23, _set(("response", "license_token_claims", "Seats"), "11"), "Seats"),
    ("cloud.json", 23, _set(("response", "license_token_claims", "exp"), 1), "life"),
]


@pytest.mark.parametrize(("name", "number", "change", "told"), MUTATIONS, ids=lambda value: str(value)[:24])
def test_a_changed_answer_is_told(tmp_path, name, number, change, told):
    content, items = _file(name, [number])
    change(items[0])
    assert told in str(_differences(tmp_path / "mutated", name, content, tmp_path / "scratch"))


@pytest.mark.parametrize(("name", "number"), sorted({mutation[:2] for mutation in MUTATIONS}))
def test_the_same_answer_unchanged_agrees(tmp_path, name, number):
    content, _rest = _file(name, [number])
    assert _differences(tmp_path / "as-recorded", name, content, tmp_path / "scratch") == {}


def test_a_changed_log_is_told(tmp_path):
    content, items = _file("license-sync.json", [0, 1, 2])
    items[1]["api_log"] = ["fail: Bit.Core.Something[0]"]
    differences = _differences(tmp_path / "mutated", "license-sync.json", content, tmp_path / "scratch")
    assert list(differences) == ["2. unknown organization"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_set(("starts",), True), "dies at start"),
        (_set(("exit",), 1), "exit"),
        (_set(("log",), ["Unhandled exception. Something else."]), "missing or out of order"),
        (_set(("environment", "globalSettings__enableCloudCommunication"), "true"), "it runs"),
    ],
)
def test_a_changed_start_is_told(tmp_path, change, told):
    content, items = _file("startup.json", [4])
    change(items[0])
    assert told in str(_differences(tmp_path / "mutated", "startup.json", content, tmp_path / "scratch"))


def test_a_changed_sync_after_a_start_is_told(tmp_path):
    content, items = _file("startup.json", [10])
    items[0]["license_sync"] = [200, None]
    assert "license_sync" in str(_differences(tmp_path / "mutated", "startup.json", content, tmp_path / "scratch"))


def test_a_changed_rewrite_is_told(tmp_path):
    content, items = _file("setup-rewrite.json", [0, 4])
    items[1]["after"] += "globalSettings__more=1\n"
    differences = _differences(tmp_path / "mutated", "setup-rewrite.json", content, tmp_path / "scratch")
    assert list(differences) == [items[1]["name"]]


def test_a_changed_console_is_told(tmp_path):
    content, items = _file("api-console.json", ["a value that kills it at start"])
    items["a value that kills it at start"][3] = "   at Something.Else()"
    assert _differences(tmp_path / "mutated", "api-console.json", content, tmp_path / "scratch")


@pytest.mark.parametrize(
    ("content", "status", "told"),
    [
        ({"exchanges": "as recorded"}, 0, "1 match, 0 differ"),
        ({"exchanges": "changed"}, 1, "0 match, 1 differ"),
        ({"nothing": []}, 2, "is not a recording"),
    ],
)
def test_the_command_fails_on_a_difference(tmp_path, content, status, told):
    recording, items = _file("identity.json", [0])
    if content == {"exchanges": "changed"}:
        items[0]["response"]["status"] = 201
    (tmp_path / "identity.json").write_text(json.dumps(recording if "exchanges" in content else content))
    done = subprocess.run(
        [sys.executable, "-m", "standin.replay", str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "support")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, told in done.stdout + done.stderr) == (status, True)
