# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The status of a fleet in Prometheus's text format, for the textfile collector of node_exporter."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .._common.dates import parse_date
from .._common.versions import is_newer

Status = Mapping[str, Any]
Labels = Tuple[Tuple[str, str], ...]
Sample = Tuple[Labels, Optional[float]]

_DAY = 86400
_LABEL = {ord("\\"): r"\\", ord('"'): r"\"", ord("\n"): r"\n"}
_HELP = {ord("\\"): r"\\", ord("\n"): r"\n"}


class Metric(NamedTuple):
    """A gauge: its name, what it says, and the samples of a host: labels beside the host's, and the value."""

    name: str
    text: str
    samples: Callable[[Status, datetime], Iterator[Sample]]


def render(hosts: Mapping[str, Status], now: datetime) -> str:
    """Return the text for ``{host: status}``, gathered at ``now``. A value that is not known has no sample."""
    lines = _lines("bitwarden_status_timestamp_seconds", "When the status was gathered.", {(): int(now.timestamp())})
    for metric in METRICS:
        values: Dict[Labels, float] = {}
        for host, status in hosts.items():
            for labels, value in metric.samples(status, now):
                if value is not None:
                    values[(("host", host), *labels)] = value
        lines += _lines(metric.name, metric.text, values)
    return "".join(f"{line}\n" for line in lines)


def _lines(name: str, text: str, values: Mapping[Labels, float]) -> List[str]:
    if not values:
        return []
    return [
        f"# HELP {name} {_encodable(text).translate(_HELP)}",
        f"# TYPE {name} gauge",
        *(f"{name}{_braces(labels)} {_number(value)}" for labels, value in values.items()),
    ]


def _braces(labels: Labels) -> str:
    inner = ",".join(f'{name}="{_encodable(value).translate(_LABEL)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _encodable(text: str) -> str:
    """Return a text that UTF-8 can write; what cannot be is a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _flag(key: str) -> Callable[[Status, datetime], Iterator[Sample]]:
    def samples(status: Status, _now: datetime) -> Iterator[Sample]:
        yield (), float(bool(status.get(key)))

    return samples


def _versions(status: Status, _now: datetime) -> Iterator[Sample]:
    if status.get("version"):
        labels = (("version", status["version"]), ("available", status.get("available_version")))
        yield tuple((name, str(value or "")) for name, value in labels), 1.0


def _outdated(status: Status, _now: datetime) -> Iterator[Sample]:
    installed, available = status.get("version"), status.get("available_version")
    yield (), float(is_newer(available, installed)) if installed and available else None


def _unhealthy(status: Status, _now: datetime) -> Iterator[Sample]:
    services = status.get("services")
    yield (), float(len(services["unhealthy"])) if services else None


def _licenses(as_days: bool) -> Callable[[Status, datetime], Iterator[Sample]]:
    def samples(status: Status, now: datetime) -> Iterator[Sample]:
        for one in status.get("licenses") or []:
            labels = (("organization", str(one["organization"])), ("organization_id", str(one["organization_id"])))
            yield labels, _until(one["expires"], now) if as_days else _time(one["expires"])

    return samples


def _certificate(as_days: bool) -> Callable[[Status, datetime], Iterator[Sample]]:
    def samples(status: Status, now: datetime) -> Iterator[Sample]:
        expires = _part(status, "certificate").get("expires")
        yield (), _until(expires, now) if as_days else _time(expires)

    return samples


def _dated(part: str, key: str) -> Callable[[Status, datetime], Iterator[Sample]]:
    def samples(status: Status, _now: datetime) -> Iterator[Sample]:
        yield (), _time((_part(status, part) if part else status).get(key))

    return samples


def _backup_age(status: Status, now: datetime) -> Iterator[Sample]:
    created = parse_date(_part(status, "backup").get("created"))
    yield (), max(0.0, (now - created).total_seconds()) if created else None


def _sponsorships(status: Status, _now: datetime) -> Iterator[Sample]:
    for state, count in (_part(status, "sponsorships").get("counts") or {}).items():
        yield (("state", str(state)),), float(count)


def _overdue(status: Status, _now: datetime) -> Iterator[Sample]:
    overdue = _part(status, "sponsorships").get("overdue")
    yield (), None if overdue is None else float(bool(overdue))


def _part(status: Status, name: str) -> Status:
    return status.get(name) or {}


def _time(date: Any) -> Optional[float]:
    moment = parse_date(date)
    return moment.timestamp() if moment else None


def _until(date: Any, now: datetime) -> Optional[float]:
    moment = parse_date(date)
    return (moment - now).total_seconds() // _DAY if moment else None


METRICS = (
    Metric("bitwarden_up", "Whether the host was reached, its services are healthy and its API answers.", _flag("up")),
    Metric("bitwarden_problem", "Whether something is wrong with the server by the thresholds.", _flag("problem")),
    Metric("bitwarden_warning", "Whether there are warnings about the server.", _flag("warnings")),
    Metric("bitwarden_version_info", "The installed and the available version, as labels. Always 1.", _versions),
    Metric("bitwarden_outdated", "Whether a newer version is available.", _outdated),
    Metric("bitwarden_unhealthy_services", "Services that are not running or not healthy.", _unhealthy),
    Metric("bitwarden_license_expiry_timestamp_seconds", "When the license expires, grace included.", _licenses(False)),
    Metric("bitwarden_license_days_left", "Whole days until the license expires, grace included.", _licenses(True)),
    Metric(
        "bitwarden_last_license_sync_timestamp_seconds", "When the license was last synced.", _dated("", "last_sync")
    ),
    Metric("bitwarden_sponsorships", "Families sponsorships that the account sees, by state.", _sponsorships),
    Metric(
        "bitwarden_last_sponsorship_sync_timestamp_seconds",
        "When the sponsorships were last synced.",
        _dated("sponsorships", "last_sync"),
    ),
    Metric("bitwarden_sponsorships_overdue", "Whether the daily sync of the sponsorships is overdue.", _overdue),
    Metric(
        "bitwarden_backup_timestamp_seconds", "When the last verified backup was made.", _dated("backup", "created")
    ),
    Metric(
        "bitwarden_backup_age_seconds", "Age of the last verified backup when the status was gathered.", _backup_age
    ),
    Metric("bitwarden_certificate_expiry_timestamp_seconds", "When the certificate expires.", _certificate(False)),
    Metric("bitwarden_certificate_days_left", "Whole days until the certificate expires.", _certificate(True)),
)
