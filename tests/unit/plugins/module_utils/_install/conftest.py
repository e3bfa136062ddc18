# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host without a server: Docker's command and engine answer as they are told, the setup tool is the fleet's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._commands.runner import Account
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import host as host_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._install import plan as plan_module
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._settings.argspec import HOST_MODULES
from ansible_collections.selfhosted.bitwarden.plugins.modules import install

from tests.support.fleet.names import FILES, SERVICES, STANDIN
from tests.unit.plugins.module_utils._docker.engine_server import EngineServer, _Handler

PROGRAM = Path(__file__).parent / "programs" / "docker.py"
ID = "b4d6f8a0-1c2e-4f30-8a5b-6c7d8e9f0a1b"
KEY = "CanaryInstallationKey"
_REGISTRY = "registry.fleet.test:5000/bitwarden"
SETUP = f"{_REGISTRY}/setup:2026.8.0"
# Of a release, with all services that a server has unless told otherwise, in the order of messages.
IMAGES = sorted([SETUP, *(f"{_REGISTRY}/{service}:2026.8.0" for service in SERVICES)])


class FreshHost:
    """The host and its knobs. ``folder`` is where the server is to be, ``programs`` what is in PATH."""

    def __init__(self, folder, programs, engine, monkeypatch):
        self.folder = folder
        self.programs = programs
        self.engine = engine
        self.bwdata = folder / "bitwarden" / "bwdata"
        self.script = folder / "bitwarden" / "bitwarden.sh"
        self.source = folder / "source"
        self.behaviour = {
            "setup": "ok",
            "pull": 0,
            "certbot": 0,
            "detail": "",
            "compose": 0,
            "cloud": [ID],
            "files": [str(FILES), str(STANDIN.parent)],
        }
        self.images = {SETUP}
        self.security_options = []
        self.containers = []
        self.removed = []
        self.cloud = []
        self.ports = {}
        self.account = Account.owner_of("/proc/self")
        self.source.mkdir()
        for name in ("bitwarden.sh", "run.sh"):
            shutil.copy(FILES / "bitwarden" / name, self.source)
        (programs / "images").touch()
        (programs / "docker").write_text(f'#!/bin/sh\nexec {sys.executable} {programs}/docker.py "$@"\n')
        (programs / "docker").chmod(0o755)
        shutil.copy(PROGRAM, programs)
        monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
        monkeypatch.setenv("DOCKER_HOST", f"unix://{engine.path}")
        monkeypatch.setattr(plan_module, "find_account", lambda _owner, _parent: self.account)
        monkeypatch.setattr(plan_module, "cloud_problems", lambda _request, _environ: self.cloud)
        monkeypatch.setattr(host_module, "listening", lambda port: self.ports.get(str(port), ""))
        engine.answers = self

    def get(self, key, _missing):
        """Answer as the engine does."""
        method, path = key[0], unquote(key[1])
        images = {*self.images, *(self.programs / "images").read_text().split()}
        if path.startswith("/images/"):
            return (200, {}) if path[len("/images/") : -len("/json")] in images else (404, {"message": "No such image"})
        if path.startswith("/distribution/"):
            return (404, {"message": "manifest unknown"}) if "9.9.9" in path else (200, {})
        if method == "DELETE":
            self.removed.append(path.rpartition("/")[2])
            return (404, {"message": "No such container"})
        if path == "/info":
            return 200, {"SecurityOptions": ["name=seccomp,profile=builtin", *self.security_options]}
        assert path == "/containers/json", path
        return 200, self.containers

    def params(self, **options):
        """Return the module's parameters."""
        given = {"domain": "vault.example.com", "installation_id": ID, "installation_key": KEY, "start": False}
        given.update(bwdata=str(self.bwdata), source=str(self.source), remote_src=True)
        given.update(options)
        return {**{name: spec.get("default") for name, spec in HOST_MODULES["install"].items()}, **given}

    def run(self, check=False, raises=False, **options):
        """Run the module's code; its result, or the message of its failure (or the failure itself)."""
        (self.programs / "behaviour.json").write_text(json.dumps(self.behaviour))
        module = SimpleNamespace(params=self.params(**options), check_mode=check, _diff=True)
        try:
            return install.run(module)
        except BitwardenError as error:
            if raises:
                raise
            return str(error)

    def calls(self, *words):
        """Return the calls of docker that have all words."""
        path = self.programs / "calls"
        found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [one for one in found if set(words) <= set(one["arguments"])]

    def files(self):
        """Return the files below the folder, with what is in them."""
        paths = [path for path in (self.folder / "bitwarden").rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder / "bitwarden")): path.read_bytes() for path in paths}

    def setting(self, name, file="env/global.override.env"):
        """Return a setting's value as it is written."""
        lines = (self.bwdata / file).read_text().splitlines()
        return next((line.partition("=")[2] for line in lines if line.startswith(f"{name}=")), None)

    def config(self):
        """Return the lines of config.yml with a value."""
        lines = [line for line in (self.bwdata / "config.yml").read_text().splitlines() if line[:1] not in ("#", "")]
        return dict(line.split(": ", 1) for line in lines if ": " in line)


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(_Handler, "do_DELETE", _Handler.do_GET, raising=False)
    programs = tmp_path / "programs"
    programs.mkdir()
    engine = EngineServer(tmp_path / "engine.sock")
    yield FreshHost(tmp_path, programs, engine, monkeypatch)
    engine.close()
