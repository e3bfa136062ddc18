# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which step from version to version is an update, over what, and whether it is allowed."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._scripts.pair import Versions
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._update.versions import Step


def step(now, then, web_now=None, web_then=None, connector=None):
    installed = {"core": now, "web": web_now or now, "key_connector": connector}
    return Step(installed, Versions(then, web_then or then, "2025.11.0"), connector is not None)


@pytest.mark.parametrize(
    ("made", "needed"),
    [
        (step("2026.8.0", "2026.8.0"), False),
        (step("2026.8.0", "2026.9.0"), True),
        (step("2026.9.0", "2026.10.0"), True),
        (step("2026.8.0", "2026.8.0", "2026.7.1", "2026.7.2"), True),
        (step("2026.8.0", "2026.8.0", connector="2025.9.0"), True),
        (step("2026.8.0", "2026.8.0", connector="2025.11.0"), False),
    ],
)
def test_an_update_is_needed_where_any_part_differs(made, needed):
    assert (made.is_needed, made.problems()) == (needed, [])


@pytest.mark.parametrize(
    ("now", "then", "engines"),
    [
        ("2024.2.1", "2024.2.2", (15, 16)),
        ("2024.2.1", "2026.6.1", (15, 17)),
        ("2026.5.0", "2026.6.0", (16, 16)),
        ("2026.6.0", "2026.6.1", (16, 17)),
        ("2026.8.0", "2026.9.0", (17, 17)),
    ],
)
def test_the_engine_steps_are_those_of_the_images(now, then, engines):
    made = step(now, then)
    assert (made.engines, made.is_engine_step) == (engines, engines[0] != engines[1])


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (step("2026.10.0", "2026.9.0"), "core 2026.10.0"),
        (step("2026.8.0", "2026.9.0", "2026.9.1", "2026.9.0"), "web 2026.9.1 installed here is newer"),
        (step(None, "2026.9.0"), "The installed version is not known"),
    ],
)
def test_going_back_is_refused(made, text):
    assert text in str(made.problems()[0])


@pytest.mark.parametrize(
    ("now", "then", "months"),
    [
        ("2026.7.0", "2026.9.0", 0),
        ("2026.6.0", "2026.9.0", 3),
        ("2025.12.0", "2026.2.0", 0),
        ("2025.11.1", "2026.2.0", 3),
    ],
)
def test_more_than_the_supported_months_are_warned_of(now, then, months):
    warnings = step(now, then).warnings()
    assert len(warnings) == bool(months)
    assert not months or f"{now} is {months} months older than {then}" in warnings[0]
