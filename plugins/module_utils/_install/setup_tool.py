# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bitwarden's setup tool, run without a terminal: its arguments and answers, and whether it did its work."""

from __future__ import annotations

import contextlib
import os
from typing import List, NamedTuple, Sequence, Tuple

from .._commands.runner import Result
from .._common.errors import BitwardenError
from .._common.masking import mask_text
from .._common.setting_names import INSTALLATION_ID
from .._env_files.document import EnvFile
from .._scripts.pair import ScriptPair
from .._settings.types import guid_text
from .data_folder import CONFIG
from .host import InstallHost
from .request import FILES, LETS_ENCRYPT, NO_CERTIFICATE, SELF_SIGNED, InstallRequest
from .stage import Stage

# The setup tool makes these in this order, config.yml last.
_MADE = (
    "identity/identity.pfx",
    "nginx/default.conf",
    "env/global.override.env",
    "env/mssql.override.env",
    "docker/docker-compose.yml",
    CONFIG,
)

# Where the setup tool asks for more than it is told, it asks for ever. That much of its output is kept, in KiB.
_OUTPUT = 16 * 1024
_LIMITED = f'ulimit -f {_OUTPUT} && exec "$@"'
_SHOWN = 3


class SetupError(BitwardenError):
    """The setup tool did not do its work; the message (masked) says what it printed."""


class SetupTool(NamedTuple):
    """The setup tool of one release, working on a stage. ``url`` answers for the cloud, if any."""

    host: InstallHost
    pair: ScriptPair
    request: InstallRequest
    stage: Stage
    url: str = ""

    def install(self) -> None:
        """Generate all files of a new installation. Raises ``SetupError``."""
        request = self.request
        encrypt = "y" if request.certificate == LETS_ENCRYPT else "n"
        arguments = ["-install", "1", "-domain", request.domain, "-letsencrypt", encrypt]
        arguments += ["-dbname", request.database_name, "-cloud-region", request.region]
        arguments += ["-skip-ssl", "1"] if request.certificate == NO_CERTIFICATE else []
        # By its input, since everyone on the host can read arguments and environment of a command.
        answers = [request.installation_id, request.installation_key, *_certificate_answers(request)]
        result = self._run(arguments, answers)
        missing = [path for path in _MADE if not _has_content(self.stage.below(path))]
        if missing or result.rc != 0:
            raise SetupError(self._refused(result, missing))
        self._require_own_files(result)

    def update(self) -> None:
        """Generate all files again from config.yml. Raises ``SetupError``."""
        # Which of the other files it generates is for config.yml to say.
        before = _state(self.stage.below(CONFIG))
        result = self._run(["-update", "1"], [])
        missing = [path for path in _MADE if not _has_content(self.stage.below(path))]
        if missing or result.rc != 0 or _state(self.stage.below(CONFIG)) == before:
            raise SetupError(self._refused(result, missing))

    def _run(self, arguments: Sequence[str], answers: Sequence[str]) -> Result:
        stage = self.stage
        network = ["--network", "host", "--env", f"BW_INSTALLATION_URL={self.url}"] if self.url else []
        docker = [self.host.engine.docker, "run", "--interactive", "--rm", "--name", stage.container]
        docker += ["--log-driver", "none", "--pull", "never", *network]
        docker += ["--volume", f"{stage.path}:/bitwarden", "--env-file", stage.below("env/uid.env")]
        bash = self.host.commands.find("bash") or "bash"
        limited = [bash, "-c", _LIMITED, "setup", *docker, self.pair.setup_image, *self.pair.setup_arguments(arguments)]
        text = "".join(f"{answer}\n" for answer in answers)
        return self.host.commands.run(limited, self.request.timeout, stdin=text)

    def _refused(self, result: Result, missing: Sequence[str]) -> str:
        made = f"did not make {', '.join(missing)}" if missing else "did not finish"
        return f"Bitwarden's setup tool ({self.pair.setup_image}) {result.ending} and {made}. {self._said(result)}"

    def _said(self, result: Result) -> str:
        lines = [line.strip() for line in f"{result.stdout}\n{result.stderr}".splitlines() if line.strip()][-_SHOWN:]
        if not lines:
            return "It printed nothing."
        # Masked before it is cut: half a secret would not be recognised.
        text = mask_text(" | ".join(lines), [self.request.installation_key])
        return f"Its last lines: {text}{'' if text.endswith('.') else '.'}"

    def _require_own_files(self, result: Result) -> None:
        """Require the id that was given: an answer may have gone to another question."""
        path = self.stage.below("env/global.override.env")
        with open(path, "rb") as stream:
            written = guid_text(EnvFile.parse(stream.read(), path).get(INSTALLATION_ID))
        if written != self.request.installation_id:
            raise SetupError(
                f"Bitwarden's setup tool ({self.pair.setup_image}) wrote another installation id than "
                f"{self.request.installation_id}. {self._said(result)}"
            )


def _certificate_answers(request: InstallRequest) -> List[str]:
    """Return the answers about a certificate: is there one, then is it trusted (it has a ca.crt), or make one."""
    if request.certificate == SELF_SIGNED:
        return ["n", "y"]
    if request.certificate == FILES:
        has_authority = bool(request.certificate_files and request.certificate_files.ca)
        return ["y", "y" if has_authority else "n"]
    return []


def _has_content(path: str) -> bool:
    return os.path.isfile(path) and os.path.getsize(path) > 0


def _state(path: str) -> Tuple[int, ...]:
    with contextlib.suppress(OSError):
        status = os.stat(path)
        return (status.st_ino, status.st_mtime_ns, status.st_size)
    return ()
