# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module organization is asked to do, after the steps before it (action families_sync_configure)."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

from .._common.errors import BitwardenError

Result = Mapping[str, Any]

_MOVED = re.compile(r"globalSettings(__|:)(installation|baseServiceUri(__|:)cloudRegion)", re.IGNORECASE)


class TokenError(BitwardenError):
    """A token that was to be fetched and was not; the message names the host that tried."""

    def result(self) -> Dict[str, Any]:
        """Return the failed task's result, with the step that failed."""
        return {"msg": str(self), "step": "fetch"}


class Results(NamedTuple):
    """What earlier steps registered.

    ``token`` is the result of the fetch; ``fetcher`` is the host that fetched it, where it is another one.
    """

    server: Result = MappingProxyType({})
    token: Result = MappingProxyType({})
    fetcher: str = ""
    #: The calls of the module organization before.
    calls: Sequence[Result] = ()
    #: The update of the server, where it was too old for its license.
    update: Result = MappingProxyType({})


class Request(NamedTuple):
    """Options of the module organization that follow from the plan and from earlier steps."""

    steps: List[str]
    defer_without_license: bool
    keep_last_sync: bool
    force: bool
    assume_ready: bool

    def options(self) -> Dict[str, Any]:
        """Return them as the task's arguments."""
        return dict(self._asdict())


def make_request(plan: Result, results: Results, check_mode: bool = False, second_pass: bool = False) -> Request:
    """Decide what to do through the API.

    A token that is rotated is left to the second pass, after the license. Check mode takes the changes of earlier steps
    as made.
    """
    # The release that check mode predicts is not there to take the license.
    left = [] if second_pass or (check_mode and results.update.get("changed")) else ["license"]
    if not token_is_missing(plan, results) and (second_pass or not plan.get("rotate")):
        left += ["token", "sync"]
    moved = any(_MOVED.match(name) for name in _touched(results.server))
    earlier = (results.server, results.token, results.update, *results.calls)
    changed = any(bool(result.get("changed")) for result in earlier)
    return Request(
        steps=[step for step in plan.get("steps") or [] if step in left],
        defer_without_license=not second_pass and plan.get("license") == "cloud",
        # A sync so far proves nothing for another region or installation.
        keep_last_sync=not moved,
        force=moved,
        assume_ready=check_mode and changed,
    )


def token_is_missing(plan: Result, results: Results) -> bool:
    """Return whether a token was to be fetched and was not. A prediction counts as fetched."""
    return bool(plan.get("token_source")) and (
        bool(results.token.get("failed")) or "billing_sync_token" not in results.token
    )


def fetched_token(plan: Result, results: Results, check_mode: bool) -> str:
    """Return the token that was fetched. Raises ``TokenError``.

    Check mode makes no token, but predicts what one that is not known yet would change.
    """
    if token_is_missing(plan, results):
        reason = results.token.get("msg")
        if not reason:
            raise TokenError("The billing sync token was not fetched: no host of its organization got as far.")
        by_another = f"The billing sync token could not be fetched by {results.fetcher}: " if results.fetcher else ""
        raise TokenError(f"{by_another}{reason}")
    return str(results.token.get("billing_sync_token") or ("predicted" if check_mode else ""))


def _touched(server: Result) -> List[str]:
    """Return the settings that this run changed in the running server."""
    changes = [str(change.get("key", "")) for change in server.get("changes") or []]
    stale = [str(name) for names in (server.get("stale_services") or {}).values() for name in names]
    return changes + stale
