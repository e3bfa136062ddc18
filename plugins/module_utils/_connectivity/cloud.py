# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the cloud's responses mean: whether it is Bitwarden, knows the installation and accepts its credentials."""

from __future__ import annotations

import json
import re
import time
import traceback
from concurrent import futures
from functools import partial
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Tuple
from urllib.parse import urlencode

from .._common.pages import page_title
from .._common.threads import start
from .._settings.regions import REGION_URLS
from . import failures
from .endpoints import API, IDENTITY, PUSH, DesiredCloud, Endpoint
from .failures import LOGIN, ConnectFailure, Outcome, skipped
from .http import Network, Response, send
from .report import HOST, Check, Installation

_GRACE, _SHARE = 2.0, 0.3  # What a request may take beyond its time limit: seconds, and a share of that limit.


class Vantage(NamedTuple):
    """Host or container: ``call`` calls a function with its network first; ``outcomes`` are those of the endpoints."""

    name: str
    call: Callable[..., Any]
    outcomes: Dict[str, Outcome]

    def reached(self, name: str) -> bool:
        """Tell whether this endpoint responded here."""
        return name in self.outcomes and self.outcomes[name].ok


def probe(network: Network, endpoints: List[Endpoint], timeout: float) -> Dict[str, Outcome]:
    """Request ``endpoints`` at once, each within ``timeout`` seconds."""
    return run_concurrently({one.name: partial(_probe, network, one, timeout) for one in endpoints}, timeout)


def log_in(network: Network, cloud: DesiredCloud, timeout: float) -> Outcome:
    """Log in with the installation's id and key, once; the token is thrown away."""
    login = {"client_id": f"installation.{cloud.installation_id}", "client_secret": cloud.key}
    form = urlencode({"grant_type": "client_credentials", "scope": "api.licensing api.installation api.push", **login})
    url = f"{cloud.endpoint(IDENTITY).base}connect/token"
    return run_concurrently({"": lambda: judge_login(send(network, url, timeout, form))}, timeout)[""]


def run_concurrently(calls: Mapping[str, Callable[[], Outcome]], timeout: float) -> Dict[str, Outcome]:
    """Run all calls at once and return their outcomes by name; a defect in one says nothing about the others."""
    started = {name: start(call) for name, call in calls.items()}
    # A socket's own time limit starts again with each byte, this one does not.
    deadline = time.monotonic() + timeout + min(_GRACE, _SHARE * timeout)
    return {name: _outcome(future, deadline, timeout) for name, future in started.items()}


def _outcome(future: futures.Future[Outcome], deadline: float, timeout: float) -> Outcome:
    try:
        return future.result(max(0.0, deadline - time.monotonic()))
    except futures.TimeoutError:
        return failures.LATE.outcome(limit=timeout)
    except ConnectFailure as failure:
        return failure.outcome
    except BaseException as defect:
        # Kind and line only: the message could quote a secret.
        frame = traceback.extract_tb(defect.__traceback__)[-1]
        where = f"{type(defect).__name__} in {frame.filename.rpartition('/')[2]}, line {frame.lineno}"
        return failures.DEFECT.outcome(where=where)


def check_installation(
    cloud: DesiredCloud, vantages: List[Vantage], timeout: float, login: bool
) -> Tuple[List[Check], Installation]:
    """Look the installation up and, with ``login``, log in once. ``vantages`` are in the order of preference."""
    api = next((one for one in vantages if one.reached(API)), None)
    known, installation = _look_up(cloud, api, timeout)
    where, accepted = _first_login(cloud, vantages, timeout, known, login)
    if accepted.layer == LOGIN and installation.known_in is None:
        accepted = accepted._replace(detail=f"{accepted.detail} (or its id is unknown there, or it is disabled)")
    if accepted.ok or accepted.layer == LOGIN:
        installation = installation._replace(credentials_ok=accepted.ok)
    first = Check("installation", api.name if api else HOST, cloud.endpoint(API).target, known)
    return [first, Check("credentials", where, cloud.endpoint(IDENTITY).target, accepted)], installation


def _look_up(cloud: DesiredCloud, vantage: Optional[Vantage], timeout: float) -> Tuple[Outcome, Installation]:
    installation = Installation(cloud.installation_id or None)
    if not cloud.installation_id:
        return skipped("not looked up: there is no installation id"), installation
    if vantage is None or vantage.outcomes[API].status == 429:
        return skipped("not looked up: the cloud's Api was not reached, or is asked too often"), installation
    region, found = cloud.asked_region, vantage.outcomes[API]
    if found.status == 200:
        enabled = bool(_fields(found.body).get("enabled"))
        known = Outcome(True, "", f"known in {region}") if enabled else failures.DISABLED.outcome(region=region)
        return known, installation._replace(known_in=region, enabled=enabled)
    elsewhere = "nor found in another region"
    for other in sorted(set(REGION_URLS) - {region}):
        found = vantage.call(probe, [cloud.api_of(other)], timeout)[API]
        if found.status == 200:
            enabled = bool(_fields(found.body).get("enabled"))
            known = failures.KNOWN_ELSEWHERE.outcome(region=region, other=other)
            return known, installation._replace(known_in=other, enabled=enabled)
        if found.status != 404:
            elsewhere = f"and {other} could not be asked ({found.detail})"
    return failures.UNKNOWN.outcome(region=region, elsewhere=elsewhere), installation


def _first_login(
    cloud: DesiredCloud, vantages: List[Vantage], timeout: float, known: Outcome, login: bool
) -> Tuple[str, Outcome]:
    """Log in from the first vantage point that gets to Identity, so that it is one login."""
    if not (known.ok or known.skipped):
        # It would be refused in any case, and count towards the cloud's limit.
        return HOST, skipped("not tried: the installation is not known there, or disabled")
    if not login:
        return HOST, skipped("not asked for (login=false)")
    if not (cloud.installation_id and cloud.key):
        return HOST, skipped("not tried: id or key is not set")
    where, outcome = HOST, skipped("not tried: the cloud's Identity was not reached")
    for one in vantages:
        if one.reached(IDENTITY):
            where, outcome = one.name, one.call(log_in, cloud, timeout)
            if outcome.ok or outcome.layer == LOGIN or outcome.status == 429:
                break
    return where, outcome


def _probe(network: Network, endpoint: Endpoint, timeout: float) -> Outcome:
    """Return whether Bitwarden responded. Any response of push is fine: it says nothing without a login."""
    response = send(network, endpoint.url, timeout)
    status, fields = response.status, _fields(response.body)
    if endpoint.name == API:
        bitwarden = (status, fields.get("object")) in ((200, "installation"), (404, "error"))
    else:
        bitwarden = endpoint.name == PUSH or (status == 200 and "token_endpoint" in fields)
    if bitwarden or status == 429:
        return Outcome(True, "", f"{response.peer} responded {status}", status=status, body=response.body)
    what, title = "with something that is not Bitwarden's", page_title(response.body)
    if 300 <= status < 400:
        host = re.match(r"\w+://(?:[^/@]*@)?([\w.-]+)", response.location)
        what = f"and points to {host.group(1) if host else 'another address'}"
    elif title:
        what = f'with a page: "{title}"'
    failure = failures.OUTAGE if status >= 500 or status in (408, 425) else failures.NOT_BITWARDEN
    return failure.outcome(peer=response.peer, status=status, what=what, setting=endpoint.setting)


def judge_login(response: Response) -> Outcome:
    """Return what Identity's response says about the credentials."""
    status, fields, detail = response.status, _fields(response.body), f"{response.peer} responded {response.status}"
    if status == 200 and fields.get("access_token"):
        return Outcome(True, "", f"{detail}: accepted")
    if status == 429:
        return skipped(f"{detail}: too many logins from this address", "Try again in a minute.", status)
    if fields.get("error") == "invalid_client":
        return failures.KEY_REFUSED.outcome(peer=response.peer, status=status)
    error = " ".join(str(fields.get("error", "")).split())[:80]
    return failures.LOGIN_FAILED.outcome(peer=response.peer, status=status, error=error)


def _fields(text: str) -> Dict[str, Any]:
    """Return the fields of a JSON object, none for anything else."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
