# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The steps of the role families_sync, and which of them the tags of a run select."""

from __future__ import annotations

import difflib
from typing import Collection, Dict, FrozenSet, List, NamedTuple

from .._common.errors import BitwardenError

PREFLIGHT = "preflight"
SERVER = "server"
WAIT = "wait"
LICENSE = "license"
TOKEN = "token"
LICENSE_SYNC = "license_sync"

#: The steps that the module organization takes, in its words.
ORGANIZATION_STEPS = {LICENSE: "license", TOKEN: "token", LICENSE_SYNC: "sync"}


class _Tags(NamedTuple):
    """The tags that select a step, and those that skip it."""

    select: FrozenSet[str]
    skip: FrozenSet[str]


def _tags(*select: str, skip: Collection[str] = ()) -> _Tags:
    return _Tags(frozenset(select), frozenset(skip or select))


_STEPS: Dict[str, _Tags] = {
    PREFLIGHT: _tags("preflight"),
    SERVER: _tags("server"),
    # A license from the cloud depends on what the server holds.
    WAIT: _tags("wait", "license", skip=["wait"]),
    LICENSE: _tags("license"),
    # A token that was fetched or rotated is saved, too.
    TOKEN: _tags("token", "billing_sync"),
    LICENSE_SYNC: _tags("license_sync"),
}


#: Tags that Ansible itself knows.
_SPECIAL = frozenset({"all", "always", "never", "tagged"})


class TagError(BitwardenError):
    """A tag of the run that no step has; the message names the nearest."""


def check_tags(inherited: Collection[str], run: Collection[str], skip: Collection[str]) -> None:
    """Raise ``TagError`` for tags of ``--tags`` and ``--skip-tags`` that nothing has.

    Ansible takes any. Nothing would be done then, or what was to be skipped, and the run would end well.
    """
    steps = list(dict.fromkeys(tag for tags in _STEPS.values() for tag in sorted(tags.select)))
    texts: List[str] = []
    for option, tags in (("--tags", run), ("--skip-tags", frozenset(skip) - {"untagged"})):
        for tag in sorted(set(tags) - set(steps) - _SPECIAL - set(inherited)):
            near = difflib.get_close_matches(tag, steps, n=1)
            hint = f" Did you mean {near[0]}?" if near else ""
            texts.append(f"{option} {tag}: no step has this tag.{hint}")
    if texts:
        raise TagError(" ".join([*texts, f"The tags are {', '.join(steps)}."]))


def selected_steps(inherited: Collection[str], run: Collection[str], skip: Collection[str]) -> FrozenSet[str]:
    """Return the steps that ``--tags`` and ``--skip-tags`` select, as Ansible selects tasks.

    ``inherited`` are the tags that the play, the block or the role itself gives to all tasks of the role.
    """
    shared = frozenset(inherited) - {"always"}
    return frozenset(
        step
        for step, tags in _STEPS.items()
        if _runs(tags.select | shared, frozenset(run)) and not _skips(tags.skip | shared, frozenset(skip))
    )


def _runs(tags: FrozenSet[str], run: FrozenSet[str]) -> bool:
    if not run or tags & run:
        return True
    return bool(run & {"all", "tagged"}) and "never" not in tags


def _skips(tags: FrozenSet[str], skip: FrozenSet[str]) -> bool:
    return bool(skip & (tags | {"all", "tagged"}))
