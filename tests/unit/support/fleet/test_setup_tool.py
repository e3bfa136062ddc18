# Copyright (c) 2026, selfhosted.bitwarden contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fleet's setup tool on folders of its own, run as the image runs it."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from tests.support.fleet.files.setup.configuration import KEYS, Configuration, Malformed, read
from tests.support.fleet.files.setup.entry_point import prepare
from tests.support.fleet.names import FILES, STANDIN, VERSION

USER = 65000
KNOWN, DISABLED = "0b5f0c1a-1111-4222-8333-444455556666", "0b5f0c1a-1111-4222-8333-000000000000"
CREDENTIALS = ["-install-id", KNOWN, "-install-key", "KeyOfInstallation"]
CRASHED = 134


class Installations(http.server.BaseHTTPRequestHandler):
    """Stand in for the cloud's list of installations."""

    def do_GET(self):
        identifier = self.path.rpartition("/")[2]
        status = {KNOWN: 200, DISABLED: 200}.get(identifier, 404)
        self.send_response(503 if identifier.startswith("5") else status)
        self.end_headers()
        self.wfile.write(json.dumps({"enabled": identifier == KNOWN}).encode())

    def log_message(self, *_arguments):
        pass


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Installations)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


class Tool:
    """The tool on a data folder."""

    def __init__(self, root: Path, cloud: str) -> None:
        self.root, self.cloud = root, cloud

    def run(
        self, *arguments: str, stdin: str = "", cloud: str = "", module: str = "setup"
    ) -> subprocess.CompletedProcess:
        prepare(self.root, os.geteuid(), os.getegid())
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{STANDIN.parent}:{FILES}",
            "BWFLEET_SETUP_ROOT": str(self.root),
            "BWFLEET_RSA_BITS": "2048",
            "STANDIN_VERSION": VERSION,
            "BW_INSTALLATION_URL": cloud or self.cloud,
            "LOCAL_UID": str(USER),
            "LOCAL_GID": str(USER),
        }
        return subprocess.run(
            [sys.executable, "-m", module, "/app/Setup", *arguments],
            input=stdin, env=environment, cwd="/", capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip

    def install(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
        done = self.run("-install", "1", "-domain", "BW.example.com", *CREDENTIALS, *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def config(self) -> Configuration:
        return read(self.read("config.yml"))

    def values(self, name: str) -> dict:
        return dict(line.split("=", 1) for line in self.read(f"env/{name}.override.env").splitlines())


@pytest.fixture
def tool(cloud) -> Iterator[Tool]:
    # Not below pytest's own folder, which only root may enter.
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "bwdata").mkdir()
    yield Tool(folder / "bwdata", cloud)
    shutil.rmtree(folder)


def test_everything_is_made_in_order_and_given_to_the_user(tool):
    done = tool.install("-cloud-region", "EU", "-dbname", "other", "-corev", "1.2.3", "-webv", "1.2.4", stdin="n\ny\n")
    assert "Installation complete" in done.stdout
    assert tool.config().url == "https://bw.example.com"
    values, mssql = tool.values("global"), tool.values("mssql")
    own = {key.partition("__")[2]: value for key, value in values.items()}
    lengths = {
        key: len(own[key]) for key in ("identityServer__certificatePassword", "internalIdentityKey", "duo__aKey")
    }
    assert list(lengths.values()) == [32, 64, 64]
    assert len(mssql["SA_PASSWORD"]) == 32 and mssql["DATABASE"] == "other"
    connection = own["sqlServer__connectionString"]
    assert f"Password={mssql['SA_PASSWORD']};" in connection and "Initial Catalog=other;" in connection
    assert (own["baseServiceUri__cloudRegion"], own["installation__id"]) == ("EU", KNOWN)
    assert "pushRelayBaseUri" not in own
    assert re.findall(r"/(api|web):([\d.]+)\n", tool.read("docker/docker-compose.yml")) == [
        ("web", "1.2.4"),
        ("api", "1.2.3"),
    ]
    order = ["ssl/self/bw.example.com/private.key", "identity/identity.pfx", "nginx/default.conf",
             "env/global.override.env", "web/app-id.json", "docker/docker-compose.yml", "config.yml"]  # fmt: skip
    times = [(tool.root / name).stat().st_mtime_ns for name in order]
    assert times == sorted(times)
    assert {oct((tool.root / f"env/{name}.override.env").stat().st_mode)[-3:] for name in ("global", "mssql")} == {
        "600"
    }


def test_the_certificates_are_what_they_are_for(tool):
    tool.install(stdin="US\nn\nyes\n")
    password = tool.values("global")["globalSettings__identityServer__certificatePassword"]
    bundle = (tool.root / "identity/identity.pfx").read_bytes()
    key, certificate, others = pkcs12.load_key_and_certificates(bundle, password.encode())
    assert key and certificate and not others
    own = x509.load_pem_x509_certificate((tool.root / "ssl/self/bw.example.com/certificate.crt").read_bytes())
    names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["bw.example.com"]
    assert (own.not_valid_after_utc - own.not_valid_before_utc).days == 36500
    assert tool.config().text("ssl_key_path") == "/etc/ssl/self/bw.example.com/private.key"
    # Since 2026.7.0 an update rewrites what holds two certificates, and nothing else.
    tool.run("-update", "1")
    assert (tool.root / "identity/identity.pfx").read_bytes() == bundle
    two = pkcs12.serialize_key_and_certificates(
        None, key, certificate, [own], BestAvailableEncryption(password.encode())
    )
    (tool.root / "identity/identity.pfx").write_bytes(two)
    tool.run("-update", "1", "-db", "1")
    rewritten = pkcs12.load_key_and_certificates((tool.root / "identity/identity.pfx").read_bytes(), password.encode())
    assert rewritten[1] == certificate and not rewritten[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-domain", "10.0.0.1"], "Domain is invalid"),
        (["-domain", "bw.example.com:443"], "Domain is invalid"),
        (["-domain", "a", "-install-id", "nonsense"], "Invalid installation id."),
        (["-domain", "a", "-install-id", KNOWN.replace("1111", "9999")], "Invalid installation id for US region."),
        (["-domain", "a", "-install-id", DISABLED], "has been disabled in the US region"),
        (["-domain", "a", "-install-id", "5" + KNOWN[1:], "-cloud-region", "EU"], "Unable to validate"),
    ],
)  # fmt: skip
def test_a_refusal_ends_with_0_and_leaves_folders(tool, arguments, said):
    region = [] if "-cloud-region" in arguments else ["-cloud-region", "US"]
    done = tool.run("-install", "1", "-install-key", "x", *region, *arguments)
    assert done.returncode == 0
    assert said in done.stdout
    assert (tool.root / "docker").is_dir()
    assert not [path for path in tool.root.rglob("*") if path.is_file()]


def test_without_the_cloud_it_is_refused(tool):
    done = tool.run("-install", "1", "-domain", "a", *CREDENTIALS, "-cloud-region", "US", cloud="http://127.0.0.1:9")
    assert (done.returncode, "Problem contacting Bitwarden US server" in done.stdout) == (0, True)


@pytest.mark.parametrize("given", ["eu", "Europe", "EU "])
def test_the_region_is_spelled_as_it_is_or_it_is_another(tool, given):
    tool.install("-skip-ssl", "1", "-cloud-region", given)
    region = tool.values("global")["globalSettings__baseServiceUri__cloudRegion"]
    assert region == ("EU" if given == "EU " else "US")
    assert tool.config().url == "http://bw.example.com"
    assert "8443" not in tool.read("nginx/default.conf")


def test_an_update_adds_the_default_database_to_a_file_of_before_2023(tool):
    tool.install("-cloud-region", "US", "-skip-ssl", "1", "-dbname", "other")
    (tool.root / "env/mssql.override.env").write_text("SA_PASSWORD=mine\nBACKUP_DB=0\n")
    assert tool.run("-update", "1").returncode == 0
    assert tool.read("env/mssql.override.env") == "SA_PASSWORD=mine\nDATABASE=vault\nBACKUP_DB=0\n"


def test_answers_come_as_lines(tool):
    lines = ["", KNOWN, "TheKey", "nowhere", "EU", "y", "y"]
    done = tool.run("-install", "1", "-domain", "a.example", stdin="".join(f"{line}\n" for line in lines))
    assert "Installation complete" in done.stdout, done.stderr
    assert tool.values("global")["globalSettings__installation__key"] == "TheKey"
    config = tool.config()
    assert (config.text("ssl_ca_path"), config.flag("ssl")) == ("/etc/ssl/a.example/ca.crt", True)
    assert (tool.root / "ssl/a.example").is_dir()


def test_the_end_of_the_input_is_asked_again_for_ever(tool):
    environment = {**os.environ, "PYTHONPATH": f"{STANDIN.parent}:{FILES}", "BWFLEET_SETUP_ROOT": str(tool.root)}
    command = [sys.executable, "-m", "setup", "x", "-install", "1", "-domain", "a"]
    enough = 1000
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment) as process:
        asked = sum(1 for line, _count in zip(process.stdout, range(enough)) if b"Invalid input" in line)
        assert process.poll() is None
        process.kill()
    assert asked > enough / 4


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["-install", "1", "-domain", "a", *CREDENTIALS, "-cloud-region", "US"], ""),  # a y/n question
        (["-install", "1", "-install", "1"], ""),
        (["-update"], ""),
        (["-update", "1"], ""),  # nothing to be updated
        (["-update", "1", "-db", "1"], ""),
    ],
)
def test_what_is_not_foreseen_is_a_crash(tool, arguments, stdin):
    done = tool.run(*arguments, stdin=stdin)
    assert done.returncode == CRASHED
    assert "Unhandled exception" in done.stderr


def test_an_update_keeps_values_and_loses_comments(tool):
    tool.install("-cloud-region", "US", "-skip-ssl", "1")
    before = {name: tool.values(name) for name in ("global", "mssql")}
    changed = {
        "url": "https://new.example.com:8443", "ssl": "true", "http_port": "", "https_port": "8443",
        "ssl_certificate_path": "/etc/ssl/x/c.crt", "ssl_key_path": "/etc/ssl/x/c.key", "ssl_versions": "TLSv1.3",
        "database_docker_volume": "true", "enable_key_connector": "true", "enable_scim": "true",
    }  # fmt: skip
    text = tool.read("config.yml")
    for key, value in changed.items():
        text = re.sub(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE)
    text = text.replace("real_ips: ", "real_ips: ['10.0.0.0/8', 192.168.0.1]") + "own_key: 1\n# my own\n"
    (tool.root / "config.yml").write_text(text)
    done = tool.run("-update", "1", "-corev", "9.9.9", "-webv", "9.9.9", "-keyconnectorv", "8.8.8", "-q", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "own" not in tool.read("config.yml")
    assert tool.config().real_ips == ["10.0.0.0/8", "192.168.0.1"]
    compose, site = tool.read("docker/docker-compose.yml"), tool.read("nginx/default.conf")
    assert "'8443:8443'" in compose and ":8080'" not in compose and "mssql_data:/var/opt/mssql/data" in compose
    assert "key-connector:8.8.8" in compose and "/scim:9.9.9" in compose
    assert "ssl_certificate /etc/ssl/x/c.crt;" in site and "ssl_protocols TLSv1.3;" in site
    assert "server_name new.example.com;" in site and "set_real_ip_from 10.0.0.0/8;" in site
    after = {name: tool.values(name) for name in before}
    vault = "globalSettings__baseServiceUri__vault"
    assert after["global"].pop(vault) == changed["url"] and before["global"].pop(vault) == "http://bw.example.com"
    assert after == before
    password = tool.values("key-connector")["keyConnectorSettings__certificate__filesystemPassword"]
    assert pkcs12.load_key_and_certificates((tool.root / "key-connector/bwkc.pfx").read_bytes(), password.encode())[0]


def test_a_database_that_cannot_be_reached_is_a_crash(tool):
    tool.install("-cloud-region", "US", "-skip-ssl", "1")
    override = tool.root / "env/global.override.env"
    override.write_text(override.read_text().replace("tcp:mssql,1433", "tcp:127.0.0.1,9"))
    done = tool.run("-update", "1", "-db", "1", "-q", "1")
    assert (done.returncode, done.stdout) == (CRASHED, "")
    assert "SqlException" in done.stderr


def test_what_is_not_to_be_generated_stays(tool):
    tool.install("-cloud-region", "US", "-skip-ssl", "1")
    text = tool.read("config.yml").replace("enable_built_in_ms_sql: true", "enable_built_in_ms_sql: false")
    for name, key in {"docker/docker-compose.yml": "compose", "nginx/default.conf": "nginx"}.items():
        (tool.root / name).write_text("my own")
        text = text.replace(f"generate_{key}_config: true", f"generate_{key}_config: false")
    (tool.root / "config.yml").write_text(text)
    assert tool.run("-update", "1").returncode == 0
    assert (tool.read("docker/docker-compose.yml"), tool.read("nginx/default.conf")) == ("my own", "my own")
    (tool.root / "config.yml").write_text(text.replace("compose_config: false", "compose_config: true"))
    assert tool.run("-update", "1").returncode == 0
    assert "mssql" not in tool.read("docker/docker-compose.yml").replace("mssql.env", "")


def test_a_missing_configuration_is_guessed(tool):
    tool.install("-cloud-region", "US", stdin="n\ny\n")
    before = tool.read("config.yml")
    (tool.root / "config.yml").unlink()
    assert "visit https://bw.example.com" in tool.run("-printenv", "1").stdout
    assert tool.read("config.yml") == before


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
def test_a_stub_has_placeholders_and_everything_is_given_to_the_user(tool):
    (tool.root / "of_root").touch()
    arguments = ("-install", "1", "-stub", "1", "-domain", "bitwarden.example.com", "-cloud-region", "EU")
    done = tool.run(*arguments, module="setup.entry_point")
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in tool.root.rglob("*")} == {USER}
    values = tool.values("global")
    assert values["globalSettings__installation__key"] == "SECRET_INSTALLATION_KEY"
    assert values["globalSettings__baseServiceUri__cloudRegion"] == "US"
    assert tool.values("mssql")["SA_PASSWORD"] == "RANDOM_DATABASE_PASSWORD"
    assert list(values.values()).count("RANDOM_IDENTITY_KEY") == 2
    assert not (tool.root / "identity/identity.pfx").exists()
    assert "api:latest" in tool.read("docker/docker-compose.yml")


@pytest.mark.parametrize("text", ["ssl: maybe\n", "url: 'open\n", "real_ips: one\n", "no colon\n", "url:\n- a\n"])
def test_a_malformed_configuration_is_noticed(text):
    with pytest.raises(Malformed):
        read(text)


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("https_port: '8443'  # mine\n", "https_port", "8443"),
        ('url: "https://a#b"\n', "url", "https://a#b"),
        ("ssl: True\n", "ssl", True),
        ("http_port:\n", "http_port", None),
        ("real_ips:\n- 10.0.0.0/8\n- '::1'\n", "real_ips", ["10.0.0.0/8", "::1"]),
        ("url: https://a\nunknown: [1, 2]\n", "url", "https://a"),
    ],
)
def test_values_are_read_and_written(text, key, value):
    found = read(text)
    assert found.values[key] == value
    assert read(found.write()).values == found.values
    assert list(found.values) == list(KEYS)
