# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scripts of a release on their way from the controller to the host."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleError
from ansible_collections.selfhosted.bitwarden.plugins.action.update import ActionModule
from ansible_collections.selfhosted.bitwarden.plugins.plugin_utils._host_action import ArgumentError


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Return the arguments that the module gets, of those of the task; its host is the folder ``host``."""
    (tmp_path / "host").mkdir()
    found = ActionModule.__new__(ActionModule)
    shell = SimpleNamespace(tmpdir=str(tmp_path / "host"), join_path=lambda *parts: str(Path(*parts)))
    found._connection = SimpleNamespace(_shell=shell)

    def find(_folder, path):
        if not (tmp_path / path).exists():
            raise AnsibleError("nowhere")
        return str(tmp_path / path)

    monkeypatch.setattr(found, "_find_needle", find)
    monkeypatch.setattr(found, "_transfer_file", shutil.copyfile)
    monkeypatch.setattr(found, "_fixup_perms2", lambda _paths, execute: None)

    def checked(**arguments):
        found._task = SimpleNamespace(args=arguments, module_defaults=[])
        return found._checked_arguments({})

    return checked


def test_scripts_of_the_controller_are_sent(checked, tmp_path):
    release = tmp_path / "release"
    release.mkdir()
    for name in ("bitwarden.sh", "run.sh"):
        (release / name).write_text(f"# {name}\n")
    arguments = checked(source="release", pull=False)
    assert (arguments["source"], arguments["remote_src"]) == (str(tmp_path / "host"), True)
    assert (tmp_path / "host/run.sh").read_text() == "# run.sh\n"


@pytest.mark.parametrize("arguments", [{}, {"source": "download"}, {"source": "/srv/release", "remote_src": True}])
def test_nothing_is_sent_otherwise(checked, tmp_path, arguments):
    assert checked(**arguments) == arguments
    assert not list((tmp_path / "host").iterdir())


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"source": "missing"}, "source: missing is not a folder on the controller"),
        ({"source": "host"}, "source: host lacks bitwarden.sh and run.sh of a release"),
        ({"version": "2026.8"}, "version: 2026.8 is not a version such as 2026.8.0"),
        ({"wait_timeout": "0s"}, "wait_timeout must be longer than zero"),
    ],
)
def test_faults_are_told_before_anything_is_sent(checked, arguments, text):
    with pytest.raises(ArgumentError, match=text):
        checked(**arguments)
