"""Whom the daemon trusts as an AI service over TLS: only who shows a valid certificate for the host's name."""
import subprocess

import pytest
from conftest import Daemon, add_vendor, check_end

from double.upstream import Upstream


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    folder = tmp_path_factory.mktemp("authority")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca.key", "-out", folder / "ca.pem", "-days", "2", "-subj", "/CN=Test CA")
    return folder


def certificate(authority, name, san, days=2):
    """A certificate of the authority; with negative days one that has expired."""
    key, request, cert, extension = (authority / f"{name}.{kind}" for kind in ("key", "csr", "pem", "ext"))
    extension.write_text(f"subjectAltName={san}\n")
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
    openssl("x509", "-req", "-in", request, "-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial", "-out", cert,
            "-days", days, "-extfile", extension)
    return cert, key


def ask(tmp_path, authority, cert, key):
    """One call through a daemon that trusts the authority, to a service that shows this certificate: status, answer, requests that came."""
    with Upstream(cert=str(cert), key=str(key)) as upstream:
        daemon = Daemon(tmp_path / "data", "--tls-ca", str(authority / "ca.pem"))
        daemon.cli("site", "set", "demo", "policy_by_lms=true")
        add_vendor(daemon, upstream)
        answer = daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key,
                                {"user": {"id": "u", "roles": ["admin"]}, "input": {"prompt": "hello"}})
        check_end(daemon)
        return answer, len(upstream.requests())


def test_a_good_certificate_is_trusted(tmp_path, authority):
    answer, requests = ask(tmp_path, authority, *certificate(authority, "good", "IP:127.0.0.1"))
    assert answer.status == 200 and answer.json["success"], answer
    assert requests == 1


@pytest.mark.parametrize("name,san,days,reason", [
    ("expired", "IP:127.0.0.1", -1, "expired"),
    ("elsewhere", "DNS:other.example,IP:127.0.0.2", 2, "mismatch"),
])
def test_a_wrong_certificate_is_refused(tmp_path, authority, name, san, days, reason):
    answer, requests = ask(tmp_path, authority, *certificate(authority, name, san, days))
    assert answer.status == 502 and answer.json["code"] == "upstream_unavailable", answer
    assert reason in answer.json["detail"]
    assert requests == 0


def test_a_self_signed_certificate_is_refused(tmp_path, authority):
    cert, key = authority / "own.pem", authority / "own.key"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=own",
            "-addext", "subjectAltName=IP:127.0.0.1")
    answer, requests = ask(tmp_path, authority, cert, key)
    assert answer.status == 502 and "self-signed" in answer.json["detail"].replace("self signed", "self-signed"), answer
    assert requests == 0
