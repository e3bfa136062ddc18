# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Dict, List, Optional, Tuple

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._env_files.document import EnvFile, EnvFileError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.values import same_meaning

CLOUD = "globalSettings__enableCloudCommunication"
HOST = "globalSettings__mail__smtp__host"
PASSWORD = "globalSettings__mail__smtp__password"
CONNECTION = "globalSettings__sqlServer__connectionString"
OWN = "globalSettings__own__value"


def change(before: str, wanted: Dict[str, Optional[str]]) -> Tuple[str, List[Tuple[str, str]]]:
    after, difference = EnvFile.parse(before.encode(), "file").change(wanted, lambda key: False, same_meaning)
    return after.decode(), [(one.key, one.action) for one in difference.changes]


@pytest.mark.parametrize(
    "text",
    [
        f"{CLOUD}=true\n",
        f"{CLOUD}=TRUE\n",
        f"{CLOUD}='true'\n",
        f'{CLOUD}="true" # note\n',
        f"  {CLOUD} = true  \n",
        f"export {CLOUD}=true\n",
        "GLOBALSETTINGS__enablecloudcommunication=true\n",
        f"\ufeff# caf\u00e9\r\n{CLOUD}=true\r\n\r\n",
        f"# last line without end\n{CLOUD}=true",
        f"A=1 # {CLOUD}=false\n{CLOUD}=true\n",
        f"{CLOUD}='true' B=2\n",
    ],
)
def test_equal_lines_stay_byte_for_byte(text: str) -> None:
    assert change(text, {CLOUD: "true"}) == (text, [])


@pytest.mark.parametrize(
    ("before", "wanted", "after", "actions"),
    [
        pytest.param("", {OWN: "a"}, f"{OWN}=a\n", ["added"], id="empty file"),
        pytest.param("A=1", {OWN: "a"}, f"A=1\n{OWN}=a\n", ["added"], id="no final newline"),
        pytest.param("A=1\r\n", {OWN: "a"}, f"A=1\r\n{OWN}=a\r\n", ["added"], id="CRLF, added"),
        pytest.param(f"{OWN}=b\r\nA=1\r\n", {OWN: "a"}, f"{OWN}=a\r\nA=1\r\n", ["changed"], id="CRLF, changed"),
        pytest.param(f"{OWN}=b\r\n", {OWN: None}, "", ["removed"], id="CRLF, removed"),
        pytest.param(f"\ufeff{OWN}=b\n", {OWN: "a"}, f"\ufeff{OWN}=a\n", ["changed"], id="byte-order mark"),
        pytest.param(
            f"A=1\n# c\n\n{OWN}=b # c\nB=2\n",
            {OWN: "a b"},
            f"A=1\n# c\n\n{OWN}=a b # c\nB=2\n",
            ["changed"],
            id="place and comment",
        ),
        pytest.param(f"export {OWN}=b\n", {OWN: "a"}, f"{OWN}=a\n", ["changed"], id="export"),
        pytest.param(f"{OWN}=b\nA=1\n", {OWN: None}, "A=1\n", ["removed"], id="removed"),
        pytest.param("A=1\n", {OWN: None}, "A=1\n", [], id="absent already"),
        pytest.param(
            f"{OWN}=1\nA=1\n{OWN}=2\n", {OWN: "2"}, f"A=1\n{OWN}=2\n", ["normalized"], id="duplicate, last is right"
        ),
        pytest.param(
            f"{OWN}=2\nA=1\n{OWN}=1\n", {OWN: "2"}, f"A=1\n{OWN}=2\n", ["changed"], id="duplicate, last is wrong"
        ),
        pytest.param(f"{OWN}=2\nA=1\n{OWN}=1\n", {OWN: None}, "A=1\n", ["removed"], id="duplicates removed"),
        pytest.param(
            "globalSettings__EnableCloudCommunication=false\n" + f"{CLOUD}=true\n",
            {CLOUD: "true"},
            f"{CLOUD}=true\n",
            ["normalized"],
            id="case twins",
        ),
        pytest.param(
            "globalSettings:enableCloudCommunication=true\n",
            {CLOUD: "true"},
            f"{CLOUD}=true\n",
            ["added"],
            id="colon reaches nothing",
        ),
        pytest.param(
            f"globalSettings:enableCloudCommunication=false\n{CLOUD}=true\n",
            {CLOUD: "true"},
            f"{CLOUD}=true\n",
            ["normalized"],
            id="colon beside",
        ),
        pytest.param(
            f"{CLOUD}: true\n", {CLOUD: "true"}, f"{CLOUD}=true\n", ["normalized"], id="an update would drop it"
        ),
        pytest.param(f"{CLOUD}\n", {CLOUD: "true"}, f"{CLOUD}=true\n", ["added"], id="bare name"),
        pytest.param(
            "globalSettings__Mail__Smtp__Host=a\n",
            {HOST: "a"},
            f"{HOST}=a\n",
            ["normalized"],
            id="an update would add a twin",
        ),
        pytest.param(
            f'{OWN}="a\\"$$b"\n',
            {OWN: 'a"$b'},
            f"{OWN}='a\"$b'\n",
            ["normalized"],
            id="an update would spoil the quotes",
        ),
        pytest.param(
            f'{PASSWORD}="a\\"$$b"\n',
            {PASSWORD: 'a"$b'},
            f'{PASSWORD}="a\\"$$b"\n',
            [],
            id="built-in keys are kept verbatim",
        ),
        pytest.param(
            f"{CONNECTION}='a b'\n",
            {CONNECTION: "a b"},
            f"{CONNECTION}=a b\n",
            ["normalized"],
            id="the setup tool strips no single quotes",
        ),
        pytest.param(
            f"A=1\n{OWN}=$A\n", {OWN: "1"}, f"A=1\n{OWN}=1\n", ["normalized"], id="a reference is not literal"
        ),
        pytest.param(f"{OWN}=${{A:-1}}\n", {OWN: "1"}, f"{OWN}=1\n", ["normalized"], id="a default can be overridden"),
        pytest.param(f"{OWN}='b\nc'\nA=1\n", {OWN: "a"}, f"{OWN}=a\nA=1\n", ["changed"], id="value over two lines"),
        pytest.param(f"{CLOUD}=yes\n", {CLOUD: "true"}, f"{CLOUD}=true\n", ["changed"], id="invalid before"),
        pytest.param(f"{OWN}=\n", {OWN: ""}, f"{OWN}=\n", [], id="empty value"),
        pytest.param(f"#{OWN}=1\n", {OWN: "2"}, f"#{OWN}=1\n{OWN}=2\n", ["added"], id="comment with ="),
    ],
)
def test_change(before: str, wanted: Dict[str, Optional[str]], after: str, actions: List[str]) -> None:
    found, changes = change(before, wanted)
    assert (found, [action for _key, action in changes]) == (after, actions)
    assert change(found, wanted) == (found, []), "the second time nothing changes"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"A=1\nB C=secret\n", r"file, line 2: .*Compose cannot parse"),
        (b'A=1\nB="secret\n', r"file, line 2: a quote is not closed"),
        (b"A=1\n\xe9B=secret\n", r"file, line 2: .*Compose cannot parse"),
        (b"A=1\nB=secret\0\n", r"file, line 2: a NUL"),
        (b"secret", r"file, line 1: a value has no name"),
    ],
)
def test_unusable_files(data: bytes, message: str) -> None:
    with pytest.raises(EnvFileError, match=message) as caught:
        EnvFile.parse(data, "file")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "wanted", "after", "actions"),
    [
        (b"# gr\xf6\xdfe\nA=1\n", {"A": "1"}, b"# gr\xf6\xdfe\nA=1\n", []),
        (b"# gr\xf6\xdfe\nA=1\n", {"A": "2", "B": "\u00fc"}, b"# gr\xf6\xdfe\nA=2\nB=\xc3\xbc\n", ["changed", "added"]),
        (b"A=1 # gr\xf6\xdfe\n", {"A": "2"}, b"A=2 # gr\xf6\xdfe\n", ["changed"]),
        (b"A=1\nB=caf\xe9\n", {"A": "2"}, b"A=2\nB=caf\xe9\n", ["changed"]),
        (b"A=1\nB=caf\xe9\n", {"B": "caf\u00e9"}, b"A=1\nB=caf\xc3\xa9\n", ["changed"]),
        (b"A=1\nB=caf\xe9\nB=x\n", {"B": "x"}, b"A=1\nB=x\n", ["normalized"]),
        (b"# \xe9\r\nA=1\r\n# \xff\xfe", {"A": None}, b"# \xe9\r\n# \xff\xfe", ["removed"]),
        (b"\xef\xbb\xbf# \xe9\nA=1\n", {"A": "2"}, b"\xef\xbb\xbf# \xe9\nA=2\n", ["changed"]),
    ],
)
def test_bytes_that_are_not_utf_8_stay(
    before: bytes, wanted: Dict[str, Optional[str]], after: bytes, actions: List[str]
) -> None:
    found, difference = EnvFile.parse(before, "file").change(wanted, lambda key: False)
    assert (found, [one.action for one in difference.changes]) == (after, actions)
    json.dumps(difference.diff("file")).encode("ascii")
    str(difference.diff("file")).encode()


def test_a_value_that_is_not_utf_8_is_what_compose_makes_of_it() -> None:
    file = EnvFile.parse(b'A="caf\xe9"\nB=$A\xff\n', "file")
    assert file.values() == {"A": "caf\ufffd", "B": "caf\ufffd\ufffd"}
    assert file.get("a") == "caf\ufffd"


def test_several_settings_on_a_line_are_not_taken_apart() -> None:
    with pytest.raises(EnvFileError, match="line 1: several settings on one line"):
        change(f"{OWN}='a' B=2\n", {OWN: "b"})


def test_values_that_cannot_be_written_are_not_shown() -> None:
    with pytest.raises(EnvFileError, match=f"{OWN} cannot be written: it contains a line break") as caught:
        change("", {OWN: "secret\n"})
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("key", [CLOUD, CLOUD.upper(), CLOUD.replace("__", ":")])
def test_get_matches_as_dotnet_does(key: str) -> None:
    file = EnvFile.parse(f"{CLOUD}=false\nglobalSettings__EnableCloudCommunication=true\n".encode(), "file")
    assert file.get(key) == "true"
    assert file.values() == {CLOUD: "false", "globalSettings__EnableCloudCommunication": "true"}
    assert file.get("globalSettings__other") is None


@pytest.mark.parametrize(
    ("line", "key", "value"),
    [
        ("globalSettings:a=b", "globalSettings__a", None),
        ("globalSettings:a=b", "globalSettings", "a=b"),
        ("a: 'b=c'", "a", "b=c"),
        ("a:http://b/?c=d", "a", "http://b/?c=d"),
        ("a=$b", "a", ""),
    ],
)
def test_get_gives_what_reaches_the_container(line: str, key: str, value: Optional[str]) -> None:
    assert EnvFile.parse(f"{line}\n".encode(), "file").get(key) == value


def test_the_diff_shows_what_changes_and_masks_secrets() -> None:
    before = f"{HOST}=a\n{PASSWORD}=old-secret\nA=1\nA=2\n"
    _after, difference = EnvFile.parse(before.encode(), "file").change(
        {HOST: "b", PASSWORD: "new-secret", "A": "2", OWN: None}, lambda key: key == PASSWORD
    )
    assert difference.diff("file") == {
        "before_header": "file",
        "after_header": "file",
        "before": f"{HOST}=a\n{PASSWORD}=********\nA=2 (2 lines)\n",
        "after": f"{HOST}=b\n{PASSWORD}=******** (changed)\nA=2\n",
    }
