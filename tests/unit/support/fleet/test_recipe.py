# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the fleet that need no engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.fleet import machine
from tests.support.fleet.files.registry.no_names import answer, name_in
from tests.support.fleet.files.setup.configuration import Configuration
from tests.support.fleet.files.setup.generated_files import Versions, compose_file
from tests.support.fleet.registry_client import layer_of

DEB822 = "Types: deb\n# a comment\nURIs: {}\nSuites: trixie\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("debian.sources", DEB822.format("http://mirror.example/debian/"), "http://mirror.example/debian"),
        (
            "debian.list",
            "deb [signed-by=/x.gpg] https://mirror.example/debian trixie main\n",
            "https://mirror.example/debian",
        ),
        ("debian.list", "# deb http://old.example/debian trixie main\n", machine.DEFAULT_MIRROR),
        ("security.sources", DEB822.format("http://mirror.example/debian-security"), machine.DEFAULT_MIRROR),
        ("other.list", "deb https://packages.example/apt stable main\n", machine.DEFAULT_MIRROR),
        ("cd.list", "deb cdrom:[Debian]/debian trixie main\n", machine.DEFAULT_MIRROR),
        ("off.list.disabled", "deb http://mirror.example/debian trixie main\n", machine.DEFAULT_MIRROR),
    ],
)
def test_mirror_is_the_one_apt_uses(name: str, text: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text)
    assert machine.mirror(tmp_path) == expected


def test_equal_files_make_equal_layers() -> None:
    files = {"a": (b"1", 0o644), "b": (b"2", 0o755)}
    assert layer_of(files) == layer_of(dict(reversed(files.items())))
    assert layer_of(files).digest != layer_of({**files, "b": (b"3", 0o755)}).digest


def test_name_server_denies_and_repeats_the_question() -> None:
    question = b"\x03api\x07example\x00\x00\x01\x00\x01"
    reply = answer(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + question + b"\x00\x00\x29rest")
    no_such_name = 3
    assert reply[:2] == b"\x12\x34"
    assert reply[3] & 0x0F == no_such_name
    assert reply[12:] == question
    assert name_in(b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x01" + question) == "api.example"


@pytest.mark.parametrize(
    ("service", "override"), [("api", True), ("events", True), ("web", False), ("icons", False), ("mssql", False)]
)
def test_env_chain(service: str, override: bool) -> None:
    block = compose_file(Configuration(), Versions("1", "1")).split(f"\n  {service}:\n")[1].split("\n\n")[0]
    assert ("global.override.env" in block) is override
    assert "../env/uid.env" in block
