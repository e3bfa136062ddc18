# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate and its key before they are sent to a server: whether nginx and clients would accept them.

For the controller: it needs the library cryptography, which Ansible itself requires.
"""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, List, NamedTuple, Optional, Tuple

from .pem import certificates_in

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID
except ImportError as error:
    IMPORT_ERROR: Optional[ImportError] = error
else:
    IMPORT_ERROR = None

_KEY = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
_ORDER = "Put the server's certificate first, then that of its issuer, and so on."


class Files(NamedTuple):
    """The contents of the files that the options ``cert``, ``key`` and ``ca`` name."""

    cert: str
    key: str
    ca: Optional[str] = None


def faults_of(files: Files, now: Optional[datetime] = None) -> List[str]:
    """Return what is wrong with the files, one sentence or two for each; none shows a part of the key."""
    if IMPORT_ERROR is not None:
        return ["certificate: The Python library cryptography is missing on the controller. Install it there."]
    moment = now or datetime.now(timezone.utc)
    chain, faults = _certificates("cert", files.cert)
    public, key_faults = _public_key(files.key)
    faults += key_faults
    if chain and public:
        faults += _mismatch(chain, public)
    if chain and not faults:
        faults += [*_order(chain), *_leaf_faults(chain[0]), *_dates("cert", chain, moment)]
    if files.ca is not None:
        authorities, ca_faults = _certificates("ca", files.ca)
        faults += [*ca_faults, *_dates("ca", authorities, moment)]
        if chain and authorities and not ca_faults and not _leads_to(chain, authorities):
            faults.append(
                f"certificate.ca: it has no certificate of {_subject_of(chain[-1].issuer)}, who issued the last one in "
                "cert. Add it, or leave ca out."
            )
    return faults


def _certificates(option: str, text: str) -> Tuple[List[Any], List[str]]:
    blocks = certificates_in(text)
    if _KEY.search(text):
        return [], [f"certificate.{option}: the file holds a private key. Put only certificates in it."]
    if not blocks:
        return [], [
            f"certificate.{option}: the file holds no certificate in PEM. Convert it (openssl x509 -inform der, or "
            "openssl pkcs12 -nokeys)."
        ]
    try:
        return [x509.load_pem_x509_certificate(block.encode()) for block in blocks], []
    except (ValueError, UnsupportedAlgorithm):
        return [], [f"certificate.{option}: the file holds a certificate that cannot be read. Export it again."]


def _public_key(text: str) -> Tuple[bytes, List[str]]:
    """Return the public key that belongs to a private one."""
    if not _KEY.search(text):
        return b"", [
            "certificate.key: the file holds no private key in PEM. Convert it (openssl pkey, or openssl pkcs12 "
            "-nocerts -nodes)."
        ]
    try:
        return _bytes_of(load_pem_private_key(text.encode(), None)), []
    except TypeError:
        return b"", [
            "certificate.key: the key has a passphrase, which nginx cannot ask for. Remove it (openssl pkey -in … "
            "-out …), and encrypt the file with ansible-vault instead."
        ]
    except (ValueError, UnsupportedAlgorithm):
        return b"", ["certificate.key: the file holds a private key that cannot be read. Export it again."]


def _bytes_of(key: Any) -> bytes:
    public = key.public_key() if hasattr(key, "public_key") else key
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _mismatch(chain: List[Any], public: bytes) -> List[str]:
    if _bytes_of(chain[0]) == public:
        return []
    if any(_bytes_of(one) == public for one in chain[1:]):
        return [f"certificate.cert: the certificate of the key is not the first one in the file. {_ORDER}"]
    return ["certificate.key: the key does not belong to the certificate in cert. Give both from one order."]


def _order(chain: List[Any]) -> List[str]:
    return [
        f"certificate.cert: certificate {number + 2} ({_subject_of(issuer.subject)}) is not the issuer of certificate "
        f"{number + 1} ({_subject_of(one.subject)}). {_ORDER}"
        for number, (one, issuer) in enumerate(zip(chain, chain[1:]))
        if not _is_issuer(issuer, one)
    ]


def _is_issuer(issuer: Any, one: Any) -> bool:
    if one.issuer != issuer.subject:
        return False
    try:
        one.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError):
        return False
    except AttributeError:  # cryptography before 40 compares names only
        return True
    return True


def _leads_to(chain: List[Any], authorities: List[Any]) -> bool:
    last = chain[-1]
    return any(one == last or last.issuer == one.subject for one in authorities)


def _leaf_faults(leaf: Any) -> List[str]:
    faults = []
    try:
        leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        faults.append(
            "certificate.cert: it has no subjectAltName, without which browsers and apps refuse it. Have it issued "
            "again with the server's name there."
        )
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return faults
    if ExtendedKeyUsageOID.SERVER_AUTH not in usage and ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE not in usage:
        faults.append(
            "certificate.cert: it is not for a server (extendedKeyUsage lacks serverAuth). Order one that is."
        )
    return faults


def _dates(option: str, certificates: List[Any], now: datetime) -> List[str]:
    faults = []
    for one in certificates:
        begins, ends = _date(one, "not_valid_before"), _date(one, "not_valid_after")
        if ends < now:
            faults.append(
                f"certificate.{option}: {_subject_of(one.subject)} expired on {ends:%Y-%m-%d}. Renew it first."
            )
        elif begins > now:
            faults.append(
                f"certificate.{option}: {_subject_of(one.subject)} is not valid before {begins:%Y-%m-%d %H:%M} UTC. "
                "Wait until then, or correct the controller's clock."
            )
    return faults


def _date(certificate: Any, name: str) -> datetime:
    # Releases before 42 only have the date without its time zone.
    found = getattr(certificate, f"{name}_utc", None) or getattr(certificate, name)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)  # type: ignore[no-any-return]


def _subject_of(name: Any) -> str:
    return str(name.rfc4514_string()) or "(no subject)"
