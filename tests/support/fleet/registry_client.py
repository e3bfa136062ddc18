# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put images into a registry over its HTTP API, without any engine: layers and a few JSON documents suffice."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import http
import http.client
import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, Mapping
from urllib.parse import urlsplit

from .shell import FleetError

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer as it is sent: gzipped tar, and the digest of the tar itself."""

    data: bytes
    diff_id: str

    @functools.cached_property
    def digest(self) -> str:
        return _digest(self.data)


def layer_of(files: Mapping[str, tuple[bytes, int]]) -> Layer:
    """Return a layer of ``path -> (content, mode)``, all owned by root; the same files give the same digest."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for path, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    data = plain.getvalue()
    return Layer(gzip.compress(data, mtime=0), "sha256:" + hashlib.sha256(data).hexdigest())


class RegistryClient:
    """One registry at ``address`` (``host:port``, plain HTTP)."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = http.client.HTTPConnection(address, timeout=30)
        self._there: set[tuple[str, str]] = set()

    def push(self, repository: str, tags: list[str], layers: list[Layer], config: dict[str, object]) -> str:
        """Store an image under each of ``tags``; ``config`` is what a Dockerfile's instructions would set.

        Returns the digest of the image's manifest.
        """
        image = {
            "architecture": "amd64",
            "os": "linux",
            "created": "2026-01-01T00:00:00Z",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": "2026-01-01T00:00:00Z", "created_by": "bwfleet"} for _rest in layers],
        }
        blob = json.dumps(image, sort_keys=True).encode()
        for layer in [*layers, Layer(blob, "")]:
            self._push_blob(repository, layer)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"mediaType": _CONFIG, "size": len(blob), "digest": _digest(blob)},
            "layers": [{"mediaType": _LAYER, "size": len(layer.data), "digest": layer.digest} for layer in layers],
        }
        document = json.dumps(manifest, sort_keys=True).encode()
        for tag in tags:
            self.put_manifest(repository, tag, document)
        return _digest(document)

    def put_manifest(self, repository: str, tag: str, manifest: bytes) -> None:
        """Let a tag name the image of a manifest whose parts are there."""
        path = f"/v2/{repository}/manifests/{tag}"
        self._ask("PUT", path, manifest, {"Content-Type": _MANIFEST}, wanted=(201,))

    def manifest(self, repository: str, tag: str) -> bytes:
        """Return the manifest that a tag names."""
        return self._get(f"/v2/{repository}/manifests/{tag}", {"Accept": _MANIFEST})

    def delete_manifest(self, repository: str, manifest: bytes) -> None:
        """Forget an image, and with it its tags."""
        self._ask("DELETE", f"/v2/{repository}/manifests/{_digest(manifest)}", wanted=(202,))

    def changed(self, repository: str, manifest: bytes, change: Callable[[Dict[str, Any]], None]) -> bytes:
        """Return a manifest of the same layers with a changed image configuration, which is stored."""
        document = json.loads(manifest)
        image = json.loads(self._get(f"/v2/{repository}/blobs/{document['config']['digest']}"))
        change(image)
        blob = Layer(json.dumps(image, sort_keys=True).encode(), "")
        self._push_blob(repository, blob)
        document["config"].update(size=len(blob.data), digest=blob.digest)
        return json.dumps(document, sort_keys=True).encode()

    def answers(self) -> bool:
        """Tell whether the registry serves requests."""
        try:
            return self._ask("GET", "/v2/", wanted=(200,)) is not None
        except (OSError, FleetError, http.client.HTTPException):
            self._connection.close()
            return False

    def wait(self, seconds: float) -> None:
        """Wait until it responds; a `FleetError` after ``seconds``."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                raise FleetError(f"the registry does not answer after {seconds:.0f} s")
            time.sleep(0.2)

    def _push_blob(self, repository: str, layer: Layer) -> None:
        digest = layer.digest
        if (repository, digest) in self._there:
            return
        self._there.add((repository, digest))
        status, _rest = self._ask("HEAD", f"/v2/{repository}/blobs/{digest}", wanted=(200, 404))
        if status == http.HTTPStatus.OK:
            return
        # The big layer is the same in all repositories: the registry only notes that this one has it, too.
        mount = f"/v2/{repository}/blobs/uploads/?mount={digest}&from=bitwarden/api"
        status, location = self._ask("POST", mount, wanted=(201, 202))
        if status == http.HTTPStatus.CREATED or location is None:
            return
        parts = urlsplit(location)
        self._ask("PUT", f"{parts.path}?{parts.query}&digest={digest}", layer.data, wanted=(201,))

    def _get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        self._connection.request("GET", path, headers=dict(headers or {}))
        response = self._connection.getresponse()
        said = response.read()
        if response.status != http.HTTPStatus.OK:
            raise FleetError(f"registry: GET {path}: {response.status} {said[:300].decode(errors='replace')}")
        return said

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        wanted: tuple[int, ...] = (200,),
    ) -> tuple[int, str | None]:
        self._connection.request(method, path, body, {"Content-Length": str(len(body or b"")), **(headers or {})})
        response = self._connection.getresponse()
        said = response.read()
        if response.status not in wanted:
            raise FleetError(f"registry: {method} {path}: {response.status} {said[:300].decode(errors='replace')}")
        return response.status, response.getheader("Location")


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def layer_from_file(path: Path, diff_id: str) -> Layer:
    """Return a layer that lies gzipped in ``path``."""
    return Layer(path.read_bytes(), diff_id)
