# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compile the stand-in for the Python of its images: they start it with every restart of a stack."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Dict, Mapping, Tuple

from .base_image import Base
from .shell import docker

# Never compared with the source, which does not change in an image.
_COMPILE = """
import base64, importlib._bootstrap_external as loader, importlib.util, json, sys
compiled = {}
for path, source in json.load(sys.stdin).items():
    code = compile(base64.b64decode(source), "/" + path, "exec", dont_inherit=True)
    data = loader._code_to_hash_pyc(code, importlib.util.source_hash(b""), False)
    compiled[importlib.util.cache_from_source(path)] = base64.b64encode(data).decode()
json.dump(compiled, sys.stdout)
"""


def of(base: Base, files: Mapping[str, Tuple[bytes, int]]) -> Dict[str, Tuple[bytes, int]]:
    """Return path -> (byte code, mode) for all sources in ``files``; kept, as it takes a moment."""
    sources = {path: base64.b64encode(data).decode() for path, (data, _mode) in files.items() if path.endswith(".py")}
    given = json.dumps(sources, sort_keys=True).encode()
    kept = base.layer.parent / f"byte-code-{hashlib.sha256(given + _COMPILE.encode()).hexdigest()[:12]}.json"
    if not kept.exists():
        done = docker("run", "--rm", "-i", "--network=none", base.image, "python3", "-c", _COMPILE, stdin=given)
        kept.write_bytes(done.stdout)
    return {path: (base64.b64decode(data), 0o644) for path, data in json.loads(kept.read_bytes()).items()}
