# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One login with an API key at the server that was restored. It is sent to the identity service, and to nobody else."""

from __future__ import annotations

import json
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional
from urllib.parse import urlencode

from .._api.argspec import device_identifier, is_text, require_unquoted
from .._api.auth import DEVICE_NAME, DEVICE_TYPE
from .._api.client import CLIENT_VERSION
from .._api.errors import ApiError
from .._common.errors import EXPECTED, BitwardenError, message_of
from .._common.masking import mask_text
from .._deployment.deployment import Deployment
from .._docker.running import running_container
from .proof import Proof

CHECK = "login"

_CLIENT_ID = re.compile(r"(?:user|organization)\.[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\Z", re.IGNORECASE)
_LONGEST = 100  # what Identity takes
_SERVICE = "identity"
_TIMEOUT = 60.0
# The form, with the secret in it, is only on stdin: arguments are in the list of processes.
_ASK = f"""\
set -- http://localhost:5000/connect/token
header="Bitwarden-Client-Version: {CLIENT_VERSION}"
if command -v curl > /dev/null 2>&1; then
    exec curl -sS -m {_TIMEOUT:.0f} -H "$header" --data-binary @- "$1" 2>&1
fi
exec wget -q -O - -T {_TIMEOUT:.0f} --header "$header" --post-file /dev/stdin "$1" 2>&1
"""
_SPARE = 10.0


class KeyFault(BitwardenError):
    """Options that are not an API key. The message names them, and no secret."""


class ApiKey(NamedTuple):
    """The API key of a user (``user.<id>``) or of an organization (``organization.<id>``); both parts as they are."""

    client_id: str
    client_secret: str

    @classmethod
    def given(cls, params: Mapping[str, Any]) -> Optional[ApiKey]:
        """Return the key among a module's options, None where there is none."""
        return cls(params["client_id"], params["client_secret"]) if params.get("client_id") else None

    @property
    def is_of_user(self) -> bool:
        """Whether it is a user's."""
        return self.client_id.lower().startswith("user.")

    def form(self, url: str) -> bytes:
        """Return what is sent to log in. ``url`` is that of the server: a user has one device for each."""
        kind, _dot, number = self.client_id.partition(".")
        fields = {
            "grant_type": "client_credentials",
            "client_id": f"{kind.lower()}.{number}",
            "client_secret": self.client_secret,
            "scope": "api" if self.is_of_user else "api.organization",
        }
        if self.is_of_user:
            device = device_identifier(self.client_id, f"{url.rstrip('/')}/identity")
            fields.update(deviceType=DEVICE_TYPE, deviceIdentifier=device, deviceName=DEVICE_NAME)
        return urlencode(fields).encode()


def key_faults(params: Mapping[str, Any]) -> List[str]:
    """Return what is wrong with the options of a key, without its secret."""
    client_id, secret = str(params.get("client_id") or ""), str(params.get("client_secret") or "")
    if not client_id and not secret:
        return []
    if not (client_id and secret):
        given, missing = ("client_id", "client_secret") if client_id else ("client_secret", "client_id")
        return [f"{given} needs {missing}: both are parts of one API key."]
    faults = []
    if not _CLIENT_ID.match(client_id):
        faults.append(
            "client_id must be user.<id> or organization.<id>, as the web vault shows it with the API key of a user or "
            "of an organization."
        )
    if secret != secret.strip() or "\n" in secret or not is_text(secret) or len(secret) > _LONGEST:
        faults.append("client_secret has blanks or line ends around it, or is too long. Check how it was copied.")
    try:
        require_unquoted("client_secret", secret)
    except ApiError as error:
        faults.append(str(error))
    return faults


def require_key(params: Mapping[str, Any]) -> None:
    """Raise ``KeyFault`` that names all that is wrong with the options of a key."""
    faults = key_faults(params)
    if faults:
        raise KeyFault(" ".join(faults))


def log_in(deployment: Deployment, key: ApiKey, url: str) -> Proof:
    """Log in with ``key`` in the network of the identity service, and return whether it was let in."""
    container = running_container(deployment.containers(), _SERVICE)
    if container is None:
        return Proof(CHECK, False, f"{key.client_id} was not tried, as {_SERVICE} is not running")
    said = ""
    # Where no mail can be sent, the first login from a device fails, but is remembered.
    for _attempt in range(2):
        try:
            executed = deployment.engine.execute(
                container.id, ["sh", "-c", _ASK], _TIMEOUT + _SPARE, stdin=key.form(url)
            )
        except EXPECTED as error:
            return Proof(CHECK, False, f"{key.client_id}: {message_of(error).rstrip('.')}")
        response = _parsed(executed.output)
        if response.get("access_token"):
            return Proof(CHECK, True, f"{key.client_id} logged in")
        said = _said(response, executed.output, executed.rc)
        if response or "HTTP/1.1 400" in executed.output:
            break
    return Proof(CHECK, False, f"{key.client_id} could not log in: {mask_text(said, [key.client_secret])}")


def _parsed(output: str) -> Dict[str, Any]:
    try:
        # Programs may print something of their own before it.
        found = json.loads(output[output.find("{") : output.rfind("}") + 1])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(response: Mapping[str, Any], output: str, rc: Optional[int]) -> str:
    """Return on one line what was answered."""
    model = response.get("ErrorModel")
    told = (model or {}).get("Message") if isinstance(model, dict) else None
    told = told or response.get("error_description") or response.get("error")
    lines = [line.strip() for line in output.splitlines() if line.strip() and "access_token" not in line]
    if told:
        return str(told).rstrip(".")
    if rc is None:
        return f"no answer within {_TIMEOUT:.0f}s"
    return lines[-1].rstrip(".") if lines else f"no answer (status {rc})"
