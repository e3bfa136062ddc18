# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of a license to upload: from the options, and as a module's argument.

It is sent to the host as base64, so that its bytes arrive unchanged.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Callable, Mapping

from .._api.errors import REQUEST, ApiError

# No license begins like this.
_PREFIX = "base64:"


class MissingFile(ApiError):
    """A license file that does not exist."""


def content_of(params: Mapping[str, Any], read: Callable[[str], bytes]) -> bytes:
    """Return the license to upload. ``read`` reads ``src``. Raises ``ApiError``."""
    src, content = params.get("src"), params.get("content")
    if bool(src) == bool(content):
        raise ApiError(REQUEST, "One of src and content is needed, and not both.")
    if src:
        return read(str(src))
    if isinstance(content, (Mapping, list)):
        return json.dumps(content).encode("utf-8")
    return content if isinstance(content, bytes) else decode_content(str(content))


def encode_content(content: bytes) -> str:
    """Return the content of a license file as a module's argument."""
    return _PREFIX + base64.b64encode(content).decode("ascii")


def decode_content(text: str) -> bytes:
    """Return the bytes of an argument: an encoded content, or the text of a license. Raises ``ApiError``."""
    if not text.startswith(_PREFIX):
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text[len(_PREFIX) :], validate=True)
    except (ValueError, binascii.Error):
        raise ApiError(
            REQUEST, "content begins with base64:, but is not valid base64.", advice="Encode the file again."
        ) from None
