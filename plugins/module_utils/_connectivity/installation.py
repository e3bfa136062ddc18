# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The installation at the cloud: known in this region or in another, enabled, its credentials accepted."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .._settings.regions import REGION_URLS
from . import layers
from .endpoints import API, IDENTITY, Wanted, api_of_region, region_of, target_of
from .layers import Outcome
from .places import HOST, Place
from .probe import parse_json
from .report import Check, Installation

NAME = "installation"
CREDENTIALS = "credentials"

_HOST_PAGE = "https://bitwarden.com/host"


class Asked(NamedTuple):
    """A place to ask from, with what it said of the endpoints."""

    place: Place
    outcomes: Dict[str, Outcome]

    def reached(self, name: str) -> bool:
        """Whether this endpoint answered there."""
        outcome = self.outcomes.get(name)
        return outcome is not None and outcome.ok


def check_installation(wanted: Wanted, places: List[Asked], login: bool) -> Tuple[List[Check], Installation]:
    """Look the installation up and, with ``login``, log in once. ``places`` in the order of preference."""
    if not wanted.installation_id:
        reason = "there is no installation id to ask for"
        return _skipped(wanted, places, reason), Installation(None)
    check, known_in, enabled = _known(wanted, _first(places, API))
    accepted: Optional[bool] = None
    if check.ok:
        second, accepted = _credentials(wanted, places, login, known_in is not None)
    else:
        # Its login would be refused in any case, and count towards the cloud's limit.
        second = _skip(CREDENTIALS, wanted, places, "not tried: the installation is not known there, or disabled")
    return [check, second], Installation(wanted.installation_id, known_in, enabled, accepted)


def _known(wanted: Wanted, asked: Optional[Asked]) -> Tuple[Check, Optional[str], Optional[bool]]:
    """The check, the region that knows the installation, and whether it is enabled."""
    target = target_of(wanted.endpoint(API))
    region = region_of(wanted)
    if asked is None or asked.outcomes[API].status not in (200, 404):
        limited = asked is not None
        reason = "the cloud's Api asks to try again later" if limited else "the cloud's Api was not reached"
        return Check.skip(NAME, HOST, target, f"not looked up: {reason}"), None, None
    where = asked.place.name
    outcome = asked.outcomes[API]
    if outcome.status == 200:
        enabled = bool(_content(outcome).get("enabled"))
        detail = f"known in {region}" + ("" if enabled else ", but disabled")
        advice = "" if enabled else f"Ask Bitwarden's support to enable it, or get a new id and key from {_HOST_PAGE}."
        layer = "" if enabled else layers.INSTALLATION
        return Check(NAME, where, target, enabled, layer, detail, advice), region, enabled
    unasked = ""
    for other in sorted(set(REGION_URLS) - {region}):
        elsewhere = asked.place.probe(api_of_region(other, wanted.installation_id))
        if elsewhere.status not in (200, 404):
            unasked += f"; {other} could not be asked ({elsewhere.detail})"
        if elsewhere.status == 200:
            return (
                Check(
                    NAME, where, target, False, layers.INSTALLATION,
                    f"this installation id is not known in {region}, but it is in {other}",
                    f"Set region to {other}, or use an installation id and key of {region} (from {_HOST_PAGE}).",
                ),
                other,
                bool(_content(elsewhere).get("enabled")),
            )  # fmt: skip
    return (
        Check(
            NAME, where, target, False, layers.INSTALLATION,
            f"this installation id is not known in {region}" + (unasked or ", nor found in another region"),
            ("Set region, if the installation is of another one; or correct" if unasked else "Correct")
            + f" globalSettings__installation__id, or get an id and key from {_HOST_PAGE}.",
        ),
        None,
        None,
    )  # fmt: skip


def _credentials(wanted: Wanted, places: List[Asked], login: bool, known: bool) -> Tuple[Check, Optional[bool]]:
    target = target_of(wanted.endpoint(IDENTITY))
    if not login:
        return _skip(CREDENTIALS, wanted, places, "not asked for (login=false)"), None
    if not wanted.key:
        return _skip(CREDENTIALS, wanted, places, "not tried: the key is not set"), None
    if wanted.endpoint(IDENTITY).base.lower().startswith("http://"):
        return _skip(CREDENTIALS, wanted, places, "not tried: the key would travel in clear"), None
    where, result = HOST, None
    for asked in places:
        # One login: where it did not get to Identity, the next place is asked.
        if asked.reached(IDENTITY) and (result is None or (result.accepted is None and result.layer != layers.LOGIN)):
            where, result = asked.place.name, asked.place.login()
    if result is None:
        return _skip(CREDENTIALS, wanted, places, "not tried: the cloud's Identity was not reached"), None
    if result.accepted is None and result.layer == layers.LOGIN:
        return Check.skip(CREDENTIALS, where, target, result.detail, result.advice), None
    detail, advice = result.detail, result.advice
    if result.accepted is False and not known:
        detail += " (or its id is unknown there, or it is disabled)"
    return Check(CREDENTIALS, where, target, bool(result.accepted), result.layer, detail, advice), result.accepted


def _first(places: List[Asked], name: str) -> Optional[Asked]:
    return next((asked for asked in places if asked.reached(name)), None)


def _skipped(wanted: Wanted, places: List[Asked], reason: str) -> List[Check]:
    return [_skip(NAME, wanted, places, reason), _skip(CREDENTIALS, wanted, places, reason)]


def _skip(name: str, wanted: Wanted, places: List[Asked], reason: str) -> Check:
    endpoint = wanted.endpoint(API if name == NAME else IDENTITY)
    where = places[0].place.name if places else HOST
    return Check.skip(name, where, target_of(endpoint), reason)


def _content(outcome: Outcome) -> Dict[str, Any]:
    content = parse_json(outcome.body)
    return content if isinstance(content, dict) else {}
