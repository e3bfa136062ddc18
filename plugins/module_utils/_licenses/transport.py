# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of a license as a module's argument: base64, so that its bytes reach the host unchanged."""

from __future__ import annotations

import base64
import binascii

from .._common.errors import BitwardenError

# No license begins like this.
_PREFIX = "base64:"


class EncodingError(BitwardenError):
    """An encoded content that is not valid base64."""


def encode_content(content: bytes) -> str:
    """Return the content of a license file as a module's argument."""
    return _PREFIX + base64.b64encode(content).decode("ascii")


def decode_content(text: str) -> bytes:
    """Return the bytes of an argument: an encoded content, or the text of a license. Raises ``EncodingError``."""
    if not text.startswith(_PREFIX):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text[len(_PREFIX) :], validate=True)
    except (ValueError, binascii.Error):
        raise EncodingError("content begins with base64:, but is not valid base64. Encode the file again.") from None
