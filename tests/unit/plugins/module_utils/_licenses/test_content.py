# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The content of a license as a module's argument."""

from __future__ import annotations

import pytest
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._api.errors import ApiError
from ansible_collections.selfhosted.bitwarden.plugins.module_utils._licenses.content import (
    content_of,
    decode_content,
    encode_content,
)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xef\xbb\xbf{}\r\n", b"\xff\xfe{\0", bytes(range(256)), b"base64:x"])
def test_bytes_arrive_unchanged(content: bytes) -> None:
    sent = encode_content(content)
    assert sent.isascii() and "{" not in sent
    assert decode_content(sent) == content


@pytest.mark.parametrize("text", ["", '{"LicenseKey": "x"}', "M\u00fcller", "\ud800", "e30="])
def test_the_text_of_a_license_is_taken_as_it_is(text: str) -> None:
    assert decode_content(text) == text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("text", ["base64:{}", "base64:e30", "base64:\u00e9"])
def test_what_is_not_base64_is_named(text: str) -> None:
    with pytest.raises(ApiError, match="not valid base64"):
        decode_content(text)


def test_what_the_controller_encodes_the_host_reads() -> None:
    content = b'\xef\xbb\xbf{"LicenseKey": "M\xc3\xbcller"}\r\n'
    assert content_of({"content": encode_content(content)}, lambda src: b"") == content
    assert content_of({"src": "/x", "content": None}, lambda src: content) == content
    assert content_of({"content": {"a": 1}}, lambda src: b"") == b'{"a": 1}'
