# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps that go on beside one another: what fails in which, and what is waited for and told then."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.begun import Begun, SeveralErrors
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._common.errors import BitwardenError, Terminated


def ending(ended, name, error=None):
    def end():
        ended.append(name)
        if error is not None:
            raise error
        return name

    return end


@pytest.mark.parametrize(("within", "first", "second", "told"), [
    (None, None, None, None),
    (BitwardenError("Within."), None, None, (BitwardenError, "Within.")),
    (None, BitwardenError("First."), None, (BitwardenError, "First.")),
    (None, None, OSError(28, "No space left on device", "/a"), (OSError, "[Errno 28] No space left on device: '/a'")),
    (None, BitwardenError("First"), BitwardenError("Second."), (SeveralErrors, "First. Second.")),
    (BitwardenError("Within."), None, OSError(5, "I/O error", "/a"), (SeveralErrors, "Within. /a: I/O error.")),
    (BitwardenError("The same."), BitwardenError("The same."), None, (SeveralErrors, "The same.")),
    (Terminated("SIGTERM"), BitwardenError("First."), None, (Terminated, "Ended by the signal SIGTERM")),
    (None, Terminated("SIGTERM"), None, (Terminated, "Ended by the signal SIGTERM")),
    (ValueError("a defect"), BitwardenError("First."), None, (ValueError, "a defect")),
])  # fmt: skip
def test_all_that_was_begun_has_ended_and_each_failure_is_told(within, first, second, told):
    ended, caught = [], None
    try:
        with Begun() as begun:
            begun.add(ending(ended, "first", first))
            begun.add(ending(ended, "second", second))
            if within:
                raise within
    except BaseException as error:
        caught = error
    assert ended == ["first", "second"][: 1 if isinstance(first, Terminated) else 2]
    assert (caught and caught.__class__) is (told[0] if told else None)
    assert str(caught or "").startswith(told[1] if told else "")


def test_what_was_waited_for_already_is_not_waited_for_again():
    ended = []
    with Begun() as begun:
        call = begun.add(ending(ended, "first"))
        begun.add(ending(ended, "second"))
        assert call() == "first"
    assert ended == ["first", "second"]


def test_an_error_of_the_call_itself_is_told_once():
    with pytest.raises(BitwardenError, match=r"^First\.$") as caught, Begun() as begun:
        begun.add(ending([], "first", BitwardenError("First.")))()
    assert caught.type is BitwardenError
