# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a certificate, its key and the authority's certificate to the files of nginx that change, and what they are."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple

from .._certificates.pem import Certificate, CertificateError, fingerprints_in, read_certificate
from .._common import atomic_file
from .._common.diff import Difference
from .._common.problem import Problem
from .._config_yml.keys import Value, host_name_of, path_below_bwdata
from .._deployment.deployment import Deployment

# Option → the key of config.yml with the file's path, the file's mode, and the bits that it must not have.
_FILES = {
    "cert": ("ssl_certificate_path", 0o644, 0o022),
    "key": ("ssl_key_path", 0o600, 0o077),
    "ca": ("ssl_ca_path", 0o644, 0o022),
}
_WARN_DAYS = 30
_SET_PATHS = (
    "Set ssl, ssl_certificate_path and ssl_key_path in config (/etc/ssl/<host>/certificate.crt and private.key, which "
    "are in bwdata/ssl)."
)


class Target(NamedTuple):
    """A file to write: its option, where it is below bwdata and on the host, and its content, mode and owner."""

    option: str
    name: str
    path: str
    content: bytes
    mode: int
    owner: Tuple[int, int]


class CertificatePlan(NamedTuple):
    """What becomes of nginx' files. ``targets`` are those that change; ``difference`` shows it.

    ``served``: the fingerprint that nginx serves now, None where that cannot be told.
    """

    certificate: Certificate
    targets: List[Target]
    difference: Difference
    served: Optional[str]
    header: str
    problems: List[Problem]
    warnings: List[str]

    @property
    def reloads(self) -> bool:
        """Whether nginx serves, or is to read, something else."""
        return bool(self.difference)

    def diff(self) -> List[Dict[str, str]]:
        """Return Ansible's diff, without any part of the key."""
        return [self.difference.diff(self.header)] if self.difference else []

    def result(self) -> Dict[str, Any]:
        """Return what the module tells of the certificate."""
        one = self.certificate
        return {
            "subject": one.subject,
            "issuer": one.issuer,
            "names": list(one.names),
            "not_before": one.from_text,
            "not_after": one.until_text,
            "days_left": one.days_left(time.time()),
            "fingerprint": one.fingerprint,
        }


def keys_of(files: Mapping[str, Optional[str]]) -> List[str]:
    """Return the keys of config.yml that name the files which a task with these contents writes."""
    return [_FILES[option][0] for option in _FILES if files.get(option)]


def plan_certificate(
    deployment: Deployment, files: Mapping[str, str], values: Mapping[str, Value], served: Optional[str]
) -> CertificatePlan:
    """Compare the contents ``files`` (by option) with those on the host; ``values`` are those of config.yml.

    ``served`` is the fingerprint that nginx serves now. Raises ``CertificateError``.
    """
    certificate = read_certificate(files["cert"])
    problems = _unusable(files, values)
    targets, others = ([], []) if problems else _targets(deployment, files, values)
    problems += others
    host = host_name_of(str(values["url"]))
    if not certificate.covers(host):
        names = ", ".join(certificate.names) or "no name"
        problems.append(
            Problem(
                f"certificate.cert: it is for {names}, and the url in config.yml has the host {host}. Have it issued "
                "for that host, or set url in config."
            )
        )
    warnings = []
    left = certificate.days_left(time.time())
    if left < _WARN_DAYS:
        warnings.append(f"certificate.cert: it expires in {left} days ({certificate.until_text}). Renew it.")
    difference, changed = _difference(deployment, targets, certificate, served)
    header = next((one.path for one in targets if one.option == "cert"), "certificate")
    return CertificatePlan(certificate, changed, difference, served, header, problems, warnings)


def write(targets: List[Target], bwdata: str) -> None:
    """Write the files, the key last. Raises ``OSError``; then those written so far are to be restored."""
    for one in sorted(targets, key=lambda target: target.option == "key"):
        _make_folders(os.path.dirname(one.path), bwdata, one.owner)
        attributes = one.path if os.path.exists(one.path) else None
        owner = one.owner if os.geteuid() == 0 else None
        atomic_file.put(one.path, one.content, owner=owner, mode=one.mode, attributes_of=attributes)


def _make_folders(folder: str, bwdata: str, owner: Tuple[int, int]) -> None:
    missing = []
    while not os.path.isdir(folder) and folder.startswith(bwdata):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for one in reversed(missing):
        os.mkdir(one, 0o755)
        if os.geteuid() == 0:
            os.chown(one, *owner)


def _unusable(files: Mapping[str, str], values: Mapping[str, Value]) -> List[Problem]:
    """Return why nginx would not use the files."""
    paths = {option: str(values[key]) for option, (key, _mode, _bits) in _FILES.items() if values[key]}
    if values["ssl"] is False:
        return [Problem(f"certificate: config.yml has ssl: false, so that nginx serves no certificate. {_SET_PATHS}")]
    if values["ssl_managed_lets_encrypt"] or any(path.startswith("/etc/letsencrypt/") for path in paths.values()):
        return [
            Problem(
                "certificate: the server's certificate is managed with Let's Encrypt: bitwarden.sh renews it at each "
                "start, and would replace this one. Leave the option out, or set ssl_managed_lets_encrypt to false and "
                "the paths to /etc/ssl/… in config, and move bwdata/letsencrypt/live away."
            )
        ]
    found = []
    if not {"cert", "key"} <= set(paths):
        found.append(Problem(f"certificate: config.yml has no path for it. {_SET_PATHS}"))
    if files.get("ca") and "ca" not in paths:
        found.append(
            Problem(
                "certificate.ca: config.yml has no ssl_ca_path, so that nginx would not use it. Set it in config, or "
                "leave ca out and put intermediate certificates in cert."
            )
        )
    if len(set(paths.values())) < len(paths):
        found.append(Problem(f"certificate: config.yml names one file for two of them. {_SET_PATHS}"))
    outside = sorted(path for path in paths.values() if not path.startswith("/etc/ssl/"))
    if outside:
        found.append(Problem(f"certificate: {', '.join(outside)} is not below /etc/ssl. {_SET_PATHS}"))
    return found


def _targets(
    deployment: Deployment, files: Mapping[str, str], values: Mapping[str, Value]
) -> Tuple[List[Target], List[Problem]]:
    owner = _owner(deployment)
    targets, problems = [], []
    ssl = os.path.realpath(os.path.join(deployment.bwdata, "ssl"))
    for option, (key, mode, _bits) in _FILES.items():
        name = path_below_bwdata(str(values[key])) if values[key] and files.get(option) else None
        if name is None:
            continue
        path = os.path.realpath(os.path.join(deployment.bwdata, name))
        if not path.startswith(ssl + os.sep):
            problems.append(
                Problem(
                    f"certificate.{option}: {os.path.join(deployment.bwdata, name)} is a link to {path}, which nginx' "
                    f"container does not have. Replace the link by a file, or set {key} to another path."
                )
            )
        targets.append(Target(option, name, path, files[option].encode(), mode, owner))
    if os.geteuid() not in (0, owner[0]):
        problems.append(
            Problem(f"nginx' files belong to uid {owner[0]} (LOCAL_UID in env/uid.env). Run the task as root (become).")
        )
    return targets, problems


def _owner(deployment: Deployment) -> Tuple[int, int]:
    """Return the user and group that nginx runs as."""
    found = deployment.env_files().get(os.path.join(deployment.bwdata, "env", "uid.env"))
    ids = found.values() if found else {}
    with contextlib.suppress(KeyError, ValueError):
        return int(ids["LOCAL_UID"]), int(ids["LOCAL_GID"])
    return deployment.account.uid, deployment.account.gid


def _difference(
    deployment: Deployment, targets: List[Target], certificate: Certificate, served: Optional[str]
) -> Tuple[Difference, List[Target]]:
    difference = Difference()
    changed = []
    for target in targets:
        before = _read(target.path)
        if before != target.content:
            changed.append(target)
            _compare(difference, target, before, certificate)
        else:
            modes, to = _rights(target), f"{target.mode:04o} {target.owner[0]}:{target.owner[1]}"
            if modes and difference.compare(f"{target.option} mode and owner", modes, to):
                changed.append(target)
    if served is not None and served != certificate.fingerprint:
        difference.compare("served by nginx", served, certificate.fingerprint)
    return difference, changed


def _compare(difference: Difference, target: Target, before: Optional[bytes], certificate: Certificate) -> None:
    if target.option == "key":
        difference.compare("private key", None if before is None else "old", "new", secret=True)
        return
    text = None if before is None else before.decode("utf-8", "replace")
    if target.option == "cert":
        old: Optional[Certificate] = None
        with contextlib.suppress(CertificateError):
            old = read_certificate(text or "")
        pairs = zip(_lines(old) if old else dict.fromkeys(_lines(certificate)), _lines(certificate).items())
        for name, (_name, after) in pairs:
            difference.compare(name, _lines(old)[name] if old else None, after)
    chains = [_chain(one) for one in (text, target.content.decode())]
    label = "certificates in the file" if target.option == "cert" else "certificates of the authority"
    if not difference.compare(label, chains[0] if text else None, chains[1] or "") and not difference:
        difference.normalize(f"text of {target.option}", "old", "new")


def _lines(certificate: Certificate) -> Dict[str, str]:
    return {
        "subject": certificate.subject,
        "names": ", ".join(certificate.names),
        "valid from": certificate.from_text,
        "valid until": certificate.until_text,
        "fingerprint": certificate.fingerprint,
    }


def _chain(text: Optional[str]) -> Optional[str]:
    try:
        return ", ".join(one[:11] + "…" for one in fingerprints_in(text or "")) or "none"
    except CertificateError:
        return "unreadable"


def _rights(target: Target) -> str:
    """Return mode and owner of a file where nginx cannot read it, or others can read the key; empty where they fit."""
    status = os.stat(target.path)
    mode = stat.S_IMODE(status.st_mode)
    _key, _mode, forbidden = _FILES[target.option]
    fits = mode & 0o400 and not mode & forbidden and (status.st_uid, status.st_gid) == target.owner
    return "" if fits else f"{mode:04o} {status.st_uid}:{status.st_gid}"


def _read(path: str) -> Optional[bytes]:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
