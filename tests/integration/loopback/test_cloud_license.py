# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The license from the stand-in cloud: result or file, compared before it is written."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._backends import cloud_license as license_download

from .standin_pair import CANARIES, CLOUD_ORGANIZATION, INSTALLATION, LICENSE_KEY, Pair, answer

Task = Callable[..., dict[str, Any]]


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "license.json"


@pytest.fixture
def task(cloud_params: dict[str, Any], dest: Path) -> Task:
    def run(check_mode: bool = False, **changed: Any) -> dict[str, Any]:
        own = {"installation_id": INSTALLATION, "dest": str(dest), "master_password": None}
        try:
            result = license_download.perform({**cloud_params, **own, **changed}, check_mode)
        except ApiError as error:
            assert not [canary for canary in CANARIES if canary in repr(error.result())]
            raise
        if "license" not in result:
            assert not [canary for canary in CANARIES if canary in repr(result)]
        return result

    return run


def test_the_cycle(pair: Pair, task: Task, dest: Path) -> None:
    assert task(True)["changed"] and not dest.exists()
    made = task()
    assert made["changed"] and made["changes"] == [{"key": "file", "action": "added"}]
    content = json.loads(dest.read_text())
    assert (content["licenseKey"], content["installationId"]) == (LICENSE_KEY, INSTALLATION)
    assert stat.S_IMODE(dest.stat().st_mode) == 0o600
    before = dest.read_bytes()
    assert task()["changed"] is False and dest.read_bytes() == before, "another issue of the same license"
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "seats": 99})
    for check_mode in (True, False):
        result = task(check_mode)
        assert result["changes"] == [{"key": "Seats", "action": "changed"}]
        assert "Seats=99" in result["diff"]["after"]
    assert task()["changed"] is False
    assert list(dest.parent.iterdir()) == [dest], "nothing else is left"
    posts = [item["path"] for item in pair.cloud.control("GET", "requests") if item["method"] != "GET"]
    assert set(posts) == {"/connect/token"}


def test_as_a_result(task: Task) -> None:
    result = task(dest=None)
    assert result["_ansible_no_log"] is True and result["changed"] is False
    assert json.loads(result["license"])["licenseKey"] == LICENSE_KEY


@pytest.mark.parametrize("content", [b"", b"{}", b"no json", b"\xff\xfe\x00", b'{"licenseKey": "x"} more'])
def test_what_is_no_license_is_replaced(task: Task, dest: Path, content: bytes) -> None:
    dest.write_bytes(content)
    assert task()["changed"] is True
    assert json.loads(dest.read_text())["licenseKey"] == LICENSE_KEY


def test_an_issue_of_long_ago_is_replaced(pair: Pair, task: Task, dest: Path) -> None:
    pair.cloud.control("POST", "clock", {"shift": -40 * 86400})
    task()
    pair.cloud.control("POST", "clock", {"shift": 0})
    assert task()["changes"] == [{"key": "Issued", "action": "changed"}]
    assert task()["changed"] is False


@pytest.mark.parametrize(("change", "cause"), [
    ({"installation_id": "b4d6f8a0-1c2e-4f30-8a5b-000000000000"}, "installation"),
    ("none", "no_subscription"),
    ("payment", "payment"),
])  # fmt: skip
def test_refusals(pair: Pair, task: Task, dest: Path, change: Any, cause: str) -> None:
    if isinstance(change, str):
        pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "subscription": change})
        change = {}
    with pytest.raises(ApiError) as error:
        task(**change)
    assert (error.value.result()["cause"], error.value.layer) == (cause, "license")
    assert error.value.advice and not dest.exists()


@pytest.mark.parametrize(("change", "message"), [
    ({"installation_id": "nonsense"}, "is not a GUID, or all zeros"),
    ({"dest": "/nowhere/license.json"}, "dest cannot be written"),
    ({"dest": "/proc"}, "dest cannot be read"),
    ({"dest": "/dev/zero"}, "it is not a file"),
    ({"installation_id": "00000000-0000-0000-0000-000000000000"}, "is not a GUID, or all zeros"),
    ({"installation_id": INSTALLATION[:-1]}, "is not a GUID, or all zeros"),
    ({"installation_id": "{" + INSTALLATION}, "is not a GUID, or all zeros"),
])  # fmt: skip
@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "real"])
def test_wrong_options(task: Task, change: dict[str, str], message: str, check_mode: bool) -> None:
    with pytest.raises(ApiError, match=message):
        task(check_mode, **change)


@pytest.mark.parametrize("form", ["{%s}", "(%s)", " %s "])
def test_an_installation_id_is_taken_as_servers_take_it(task: Task, form: str) -> None:
    for text in (INSTALLATION, INSTALLATION.upper()):
        assert task(installation_id=form % text)["installation_id"] == INSTALLATION
    assert task(installation_id=INSTALLATION.replace("-", ""))["changed"] is False


@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "real"])
def test_a_folder_that_takes_no_file(task: Task, dest: Path, check_mode: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: path != str(dest.parent))  # root may write everywhere
    with pytest.raises(ApiError, match=r"dest cannot be written .*no permission to write to"):
        task(check_mode)
    assert not list(dest.parent.iterdir())


@pytest.mark.parametrize(("mode", "changes"), [
    (0o644, True), (0o640, True), (0o604, True), (0o620, True), (0o600, False), (0o400, False),
])  # fmt: skip
def test_others_lose_their_rights(task: Task, dest: Path, mode: int, changes: bool) -> None:
    task()
    dest.chmod(mode)
    expected = [{"key": "mode", "action": "changed"}] if changes else []
    predicted = task(True)
    assert predicted["changes"] == expected and stat.S_IMODE(dest.stat().st_mode) == mode
    assert (f"mode={mode:04o}" in predicted["diff"]["before"]) is changes
    done = task()
    assert (done["changed"], done["changes"]) == (changes, expected)
    assert not stat.S_IMODE(dest.stat().st_mode) & 0o077
    assert task()["changed"] is False


VAULT = b"$ANSIBLE_VAULT;1.1;AES256\n6162\n"


@pytest.mark.parametrize("check_mode", [True, False], ids=["check", "real"])
@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_an_encrypted_file_is_compared_and_never_replaced(
    pair: Pair, cloud_params: dict[str, Any], dest: Path, check_mode: bool, mode: int
) -> None:
    params = {**cloud_params, "installation_id": INSTALLATION, "dest": str(dest)}
    plain = license_download.perform({**params, "dest": None}, False)["license"].encode()
    dest.write_bytes(VAULT)
    dest.chmod(mode)
    inside = {str(dest): plain}
    assert license_download.perform(params, check_mode, inside.__getitem__)["changed"] is False
    pair.cloud.control("POST", "organization", {"organization": CLOUD_ORGANIZATION, "seats": 99})
    with pytest.raises(ApiError, match=r"dest is encrypted, .*\(Seats\)") as error:
        license_download.perform(params, check_mode, inside.__getitem__)
    assert error.value.result()["cause"] == "encrypted"
    with pytest.raises(ApiError, match="cannot be decrypted"):
        license_download.perform(params, check_mode)
    assert dest.read_bytes() == VAULT and stat.S_IMODE(dest.stat().st_mode) == mode


@pytest.mark.parametrize(
    "body", ["[" * 200_000, '{"x": ' + "[" * 5000 + "]" * 5000 + "}", '{"licenseKey": "\\ud800"}', "null"]
)
def test_an_answer_that_is_no_license(pair: Pair, task: Task, dest: Path, body: str) -> None:
    answer(pair.cloud, ".*/license", 200, body)
    with pytest.raises(ApiError) as error:
        task()
    assert error.value.layer == "network" and not dest.exists()


def across(replace: Callable[[Any, Any], None]) -> Callable[[str, str], None]:
    """Replace as if each folder were a file system of its own."""

    def guarded(source: str, target: str) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        replace(source, target)

    return guarded


def test_a_link_stays_a_link(task: Task, dest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = dest.parent / "elsewhere" / "real.json"
    target.parent.mkdir()
    dest.symlink_to(target)
    monkeypatch.setattr(os, "replace", across(os.replace))
    task()
    assert dest.is_symlink() and json.loads(target.read_text())["licenseKey"] == LICENSE_KEY
