# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading and writing env files, side by side with the real Compose (``config`` needs no daemon)."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path
from typing import Dict, List, Optional

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.setting_names import VAULT_URL
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.parser import (
    ComposeSyntaxError,
    parse_statements,
)
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.setup_tool import BUILT_IN

from tests.support.standin.setup_rewrite import rewrite
from tests.support.tools.commands import WORK

ENVIRONMENT = {"SOMEWHERE": "/somewhere"}
CONFIG = {"url": "http://bw.example.com"}
TABLE = [
    "a$b", "a$$b", "a${HOME}b", "a #b", "a#b", "a=b", 'a"b', "a\\b", "a`b", "a'b", " a ", "a\\'b", "a\\", '"a', "a\\$b",
    "", "'", '"', "\\", "$", "#", " ", '\\"', '\\\\"', '"\\', "it's \"$HOME\" #1\\", "\u00a0", "\u2028", "\u00e9\u2603",
]  # fmt: skip


def compose_command() -> Optional[List[str]]:
    """Return what ``COMPOSE_BINARY`` names, or the Compose 2 that set-up unpacked, or that of this machine."""
    given = os.environ.get("COMPOSE_BINARY")
    unpacked = WORK / "programs/usr/libexec/docker/cli-plugins/docker-compose"
    candidates = [[given]] if given else [[str(unpacked)], ["docker", "compose"], ["docker-compose"]]
    for command in candidates:
        if shutil.which(command[0]):
            done = subprocess.run([*command, "version", "--short"], capture_output=True, text=True, check=False)
            if done.returncode == 0 and done.stdout.strip().lstrip("v").startswith(("2.", "3.", "4.", "5.")):
                return command
    return None


COMPOSE = compose_command()
pytestmark = pytest.mark.skipif(COMPOSE is None, reason="no Docker Compose 2 here; COMPOSE_BINARY can name one")


class Compose:
    """Asks Compose what services get from env files; one call for many files, cut in half where one is refused."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, texts: List[str]) -> List[Optional[Dict[str, str]]]:
        for number, text in enumerate(texts):
            (self.folder / f"{number}.env").write_bytes(text.encode("utf-8", "surrogateescape"))
        found = self._read(list(range(len(texts))))
        return [found[number] for number in range(len(texts))]

    def _read(self, numbers: List[int]) -> Dict[int, Optional[Dict[str, str]]]:
        services = {f"s{number}": {"image": "x", "env_file": [f"{number}.env"]} for number in numbers}
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        (self.folder / "compose.yml").write_text(json.dumps({"services": services}))
        done = subprocess.run(
            [*(COMPOSE or []), "-p", "x", "-f", "compose.yml", "config", "--format", "json"],
            capture_output=True, cwd=self.folder, env={**environment, **ENVIRONMENT}, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            given = json.loads(done.stdout)["services"]
            return {
                # The output doubles each dollar sign, so that it can be read as a Compose file again.
                number: {
                    name: value.replace("$$", "$")
                    for name, value in (given[f"s{number}"].get("environment") or {}).items()
                    if value is not None
                }
                for number in numbers
            }
        if len(numbers) == 1:
            return {numbers[0]: None}
        half = len(numbers) // 2
        return {**self._read(numbers[:half]), **self._read(numbers[half:])}


@pytest.fixture
def compose(tmp_path: Path) -> Compose:
    return Compose(tmp_path)


def ours(text: str) -> Optional[Dict[str, str]]:
    try:
        return {one.name: one.value for one in parse_statements(text, ENVIRONMENT) if one.value is not None}
    except ComposeSyntaxError:
        return None


def test_reading(compose: Compose) -> None:
    source = random.Random(1)
    words = [
        "a", "b", "Z9", "_", "=", ":", " ", "\t", "#", " #", '"', "'", "\\", "$", "$$", "${A}", "$A", "${A:-d}",
        "${A-x}", "${B:+y}", "-", ".", "\\n", "\\0123", "\\042", "\\$", '\\"', "\\'", "\u00e9", "\u00a0", "\u2028",
        "\r", "$SOMEWHERE",
    ]  # fmt: skip

    def line() -> str:
        value = "".join(source.choice(words) for _count in range(source.randint(0, 6)))
        quote = source.choice(["", "", "'", '"'])
        start = source.choice(["", "", "", " ", "export "])
        name = source.choice(["A", "B", "X.y", "a:b"])
        return start + name + source.choice(["=", "=", " = "]) + quote + value + quote

    texts = ["\n".join(line() for _count in range(2)) + "\n" for _count in range(300)]
    good = [text for text in texts if ours(text) is not None]
    refused = [text for text in texts if ours(text) is None]
    assert compose.read(good) == [ours(text) for text in good]
    # A value without a name passes Compose, but no engine takes it.
    assert [given for text in refused[:12] for given in compose.read([text]) if given and "" not in given] == []
    assert len(good) > 100
    assert len(refused) >= 12


def test_bytes_that_are_not_utf_8(compose: Compose) -> None:
    texts = [b"# \xf6\nA=caf\xe9 # \xfc\nB=1\n", b'A="\xe9"\nB=$A\n', b"A=x \xa0y\n", b"A=1\xff#c\nB='\xff\xfe'\n"]
    given = compose.read([text.decode("utf-8", "surrogateescape") for text in texts])
    assert given == [EnvFile.parse(text, "file", ENVIRONMENT).values() for text in texts]


def test_writing(compose: Compose) -> None:
    source = random.Random(2)
    alphabet = "ab $$'\"\\\\#=`{}()!%&;:,.-_\u00e9\u2603\t\u00a0"
    values = TABLE + ["".join(source.choice(alphabet) for _one in range(source.randint(1, 12))) for _all in range(600)]
    texts, wanted = [], []
    names = [name for name in BUILT_IN["global"] if name != VAULT_URL]
    names += [f"globalSettings__own__v{number}" for number in range(40)]
    while values:
        want = {name: values.pop() for name in names if values}
        before = b"# comment\n\nglobalSettings__baseServiceUri__vault=http://bw.example.com\n"
        text, _difference = EnvFile.parse(before, "file").change(want, lambda key: False)
        once = rewrite(text, CONFIG)
        texts += [text.decode(), once.decode(), rewrite(once, CONFIG).decode()]
        wanted += [want] * 3
    for text, want, given in zip(texts, wanted, compose.read(texts)):
        assert given is not None, text
        assert {name: given.get(name) for name in want} == want
