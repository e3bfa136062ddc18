# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps by tags: as Ansible would select and skip tasks of these tags."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._families_sync.steps import (
    LICENSE,
    LICENSE_SYNC,
    PREFLIGHT,
    SERVER,
    TOKEN,
    WAIT,
    TagError,
    check_tags,
    selected_steps,
)

ALL = {PREFLIGHT, SERVER, WAIT, LICENSE, TOKEN, LICENSE_SYNC}


@pytest.mark.parametrize(
    ("run", "skip", "steps"),
    [
        (["all"], [], ALL),
        (["tagged"], [], ALL),
        (["untagged"], [], set()),
        (["of another role"], [], set()),
        (["preflight"], [], {PREFLIGHT}),
        (["server"], [], {SERVER}),
        (["wait"], [], {WAIT}),
        (["license"], [], {WAIT, LICENSE}),
        # No tag fetches (or rotates) a token without saving it.
        (["token"], [], {TOKEN}),
        (["billing_sync"], [], {TOKEN}),
        (["license_sync"], [], {LICENSE_SYNC}),
        (["server", "license_sync"], [], {SERVER, LICENSE_SYNC}),
        (["all"], ["token"], ALL - {TOKEN}),
        (["all"], ["billing_sync"], ALL - {TOKEN}),
        (["all"], ["server", "preflight"], ALL - {SERVER, PREFLIGHT}),
        # A license is skipped without the wait before the steps that follow.
        (["all"], ["license"], ALL - {LICENSE}),
        (["all"], ["of another role"], ALL),
        (["all"], ["all"], set()),
        (["license"], ["license"], {WAIT}),
    ],
)
def test_steps_by_tags(run, skip, steps):
    assert selected_steps(["always"], run, skip) == steps


@pytest.mark.parametrize(
    ("run", "skip", "steps"),
    [(["bitwarden"], [], ALL), (["all"], ["bitwarden"], set()), (["server"], [], {SERVER})],
)
def test_tags_of_the_role_itself_select_all_its_steps(run, skip, steps):
    assert selected_steps(["always", "bitwarden"], run, skip) == steps


def test_a_role_that_never_runs_is_run_by_its_other_tag():
    assert selected_steps(["always", "never", "bitwarden"], ["all"], []) == set()
    assert selected_steps(["always", "never", "bitwarden"], ["bitwarden"], []) == ALL


@pytest.mark.parametrize(
    ("run", "skip", "texts"),
    [
        (["licence_sync"], [], ["--tags licence_sync: no step has this tag. Did you mean license_sync?"]),
        (["untagged"], ["untagged"], ["--tags untagged: no step has this tag. The tags are"]),
        (["token", "nonsense"], ["preflght"],
         ["--tags nonsense: no step has this tag. --skip-tags", "Did you mean preflight?"]),
    ],
)  # fmt: skip
def test_tags_that_no_step_has(run, skip, texts):
    with pytest.raises(TagError) as caught:
        check_tags([], run, skip)
    assert all(text in str(caught.value) for text in texts)


@pytest.mark.parametrize("run", [["all"], ["token", "billing_sync"], ["never"], ["mine"]])
def test_tags_that_a_step_has(run):
    check_tags(["mine"], run, ["preflight"])
