"""Where the daemon may connect to: what a site administrator cannot reach with an AI service's address, and going through a proxy."""
import base64
import json
import socket
import subprocess
import threading

import pytest
from conftest import Daemon, add_vendor, check_end, run_lectern, wait_until

from double.upstream import Upstream


def ask(daemon, provider="vendor"):
    return daemon.request("POST", "/v1/actions/generate_text", daemon.admin_key, {"input": {"prompt": "hello"}, "provider": provider})


def started(tmp_path, *options, env=None):
    none = {"HTTPS_PROXY": "", "https_proxy": "", "NO_PROXY": "", "no_proxy": ""}
    daemon = Daemon(tmp_path / "data", "--threads", "1", *options, env={**none, **(env or {})})
    daemon.cli("site", "set", "demo", "policy_by_lms=true")
    return daemon


def add(daemon, endpoint, name="vendor", connect_ms=60000):
    """The answer to adding a service at that address."""
    return daemon.request("POST", "/v1/providers", daemon.admin_key, {
        "name": name, "plugin": "openai", "config": {"endpoint": endpoint, "model": "m", "api_key": "key-SECRET", "connect_ms": connect_ms}})


# ---- addresses ----

INSIDE = [
    "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "https://[fd00:ec2::254]/", "https://metadata.google.internal/",
    "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.0.1/", "https://100.64.0.1/", "https://[fe80::1]/", "https://[fc00::1]/",
    "https://0.0.0.0/", "https://[::]/", "https://224.0.0.1/", "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:a00:1::]/", "https://2130706433/", "https://0x7f.1/", "http://ollama.lan/", "http://8.8.8.8/",
]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    daemon = started(tmp_path_factory.mktemp("plain"))
    yield daemon
    check_end(daemon)


@pytest.mark.parametrize("endpoint", INSIDE)
def test_inside_addresses_are_refused_with_a_reason_and_at_once(plain, endpoint):
    try:
        made = add(plain, endpoint, "inside")
        if made.status == 201:
            listed = plain.request("GET", "/v1/providers/inside", plain.admin_key).json
            assert listed["configured"] is False and listed["reason"], listed
            answer = ask(plain, "inside")
            assert answer.status in (502, 503) and answer.json["code"] in ("outbound_refused", "no_provider"), answer
            assert "SECRET" not in str(answer) + str(listed)
        else:
            assert made.status == 400, made
    finally:
        plain.request("DELETE", "/v1/providers/inside", plain.admin_key)
    assert "SECRET" not in plain.log()


def test_this_machine_by_its_literal_address_is_free(plain, upstream):
    add_vendor(plain, upstream, "here")
    assert ask(plain, "here").status == 200
    plain.request("DELETE", "/v1/providers/here", plain.admin_key)


def test_a_redirect_is_not_followed(plain, upstream):
    with Upstream() as other:
        add_vendor(plain, upstream, "redirects")
        upstream.default = f"redirect?location={other.url}/chat/completions"
        answer = ask(plain, "redirects")
        assert answer.status == 502 and answer.json["code"].startswith("upstream_"), answer
        assert len(upstream.requests()) >= 1 and other.requests() == []
    plain.request("DELETE", "/v1/providers/redirects", plain.admin_key)


def test_only_the_operator_widens_it(tmp_path, plain):
    for path in ("/v1/settings", "/v1/sites/demo"):
        assert plain.request("PATCH", path, plain.admin_key, {"outbound_allow": "10.0.0.0/8"}).status in (404, 405)
    for body in ({"outbound_allow": "10.0.0.0/8"}, {"settings": {"outbound_allow": "10.0.0.0/8"}}):
        refused = plain.request("PATCH", "/v1/site", plain.admin_key, body)
        assert refused.status == 400 and refused.json["field"].endswith("/outbound_allow"), refused
    refused = run_lectern("site", "set", "demo", "outbound_allow=10.0.0.0/8", "--data", plain.data, check=False)
    assert refused.returncode == 1 and "outbound_allow" in refused.stderr
    made = plain.request("POST", "/v1/providers", plain.admin_key, {
        "name": "widens", "plugin": "openai",
        "config": {"endpoint": "https://10.0.0.1/", "model": "m", "api_key": "k", "outbound_allow": "10.0.0.0/8"}})
    assert made.status == 400 or plain.request("GET", "/v1/providers/widens", plain.admin_key).json["configured"] is False
    plain.request("DELETE", "/v1/providers/widens", plain.admin_key)


@pytest.mark.parametrize("how", ["flag", "environment", "file"])
def test_the_list_opens_what_it_has(tmp_path, how):
    options, env = [], {}
    if how == "flag":
        options = ["--outbound-allow", "10.9.0.0/16, here.example"]
    elif how == "environment":
        env = {"LECTERN_OUTBOUND_ALLOW": "10.9.0.0/16, here.example"}
    else:
        (tmp_path / "lectern.json").write_text('{outbound_allow: "10.9.0.0/16, here.example"}')
        options = ["--config", str(tmp_path / "lectern.json")]
    daemon = started(tmp_path, *options, env=env)
    configured = {}
    for i, endpoint in enumerate(["http://10.9.1.1/", "https://10.9.1.1/", "http://here.example/", "http://there.example/", "https://10.8.0.1/"]):
        assert add(daemon, endpoint, f"p{i}").status == 201
        configured[endpoint] = daemon.request("GET", f"/v1/providers/p{i}", daemon.admin_key).json["configured"]
    assert list(configured.values()) == [True, True, True, False, False], configured
    check_end(daemon)


@pytest.mark.parametrize("value,ok", [
    ("a.example", True), ("a.example, 10.0.0.0/8,::1", True), ("10.0.0.1/8", False), ("10.0.0.0/40", False), ("a.example:80", False),
    ("https://a.example", False), ("*", False), ("a,,b", False), ("127.1", False), ("a b", False), (",".join(f"h{i}" for i in range(257)), False),
])
def test_the_list_is_checked_at_the_start(tmp_path, value, ok):
    done = run_lectern("check-config", "--outbound-allow", value, "--data", tmp_path, check=False)
    assert (done.returncode == 0) == ok and (ok or "outbound_allow" in done.stderr), done


# ---- a proxy ----


class Proxy:
    """Takes CONNECT and leads every host to one port of this machine. `mode`: connect, refuse, 407, close, silent, slow, junk, greets."""

    def __init__(self, port, mode="connect"):
        self.port_behind, self.mode, self.heads = port, mode, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes accept()
        self.listener.close()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            self.heads.append(head.decode())
            self.answer(client)
        except OSError:
            pass
        finally:
            client.close()

    def answer(self, client):
        if self.mode == "silent":
            client.recv(1)
        elif self.mode == "slow":
            for byte in b"HTTP/1.1 200 Connection established\r\n\r\n":
                client.sendall(bytes([byte]))
                threading.Event().wait(0.2)
        elif self.mode == "close":
            client.sendall(b"HTTP/1.1 200")
        elif self.mode != "connect":
            client.sendall({
                "refuse": b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
                "407": b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
                "junk": b"SSH-2.0-OpenSSH_9.2\r\n",
                "greets": b"HTTP/1.1 200 OK\r\n\r\nhello",
                "endless": b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100000,
            }[self.mode])
            client.recv(1)
        else:
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self.pipe(client)

    def pipe(self, client):
        behind = socket.create_connection(("127.0.0.1", self.port_behind))
        threading.Thread(target=self.copy, args=(behind, client), daemon=True).start()
        self.copy(client, behind)

    @staticmethod
    def copy(source, target):
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        for s in (source, target):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """An AI service with TLS, with a certificate for vendor.test: (double, file of the authority)."""
    folder = tmp_path_factory.mktemp("service")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2",
                    "-subj", "/CN=vendor.test", "-addext", "subjectAltName=DNS:vendor.test"], check=True, capture_output=True)
    with Upstream(cert=str(cert), key=str(key)) as double:
        yield double, cert


def proxied(tmp_path, service, proxy, *, allow="vendor.test", user="", no_proxy=""):
    options = ["--tls-ca", str(service[1])] + (["--outbound-allow", allow] if allow else [])
    return started(tmp_path, *options, env={"HTTPS_PROXY": f"http://{user}127.0.0.1:{proxy.port}", "NO_PROXY": no_proxy})


def test_https_goes_through_the_proxy(tmp_path, service):
    known = len(service[0].requests())
    with Proxy(service[0].port) as proxy:
        daemon = proxied(tmp_path, service, proxy, user="us%40er:pa%3Ass-SECRET@")
        assert add(daemon, "https://vendor.test:8443/v1").status == 201
        for _ in range(3):
            answer = ask(daemon)
            assert answer.status == 200 and answer.json["success"], answer
        assert len(service[0].requests()) == known + 3
        [head] = proxy.heads  # one connection, kept
        assert head.startswith("CONNECT vendor.test:8443 HTTP/1.1\r\nHost: vendor.test:8443\r\n")
        assert f"Proxy-Authorization: Basic {base64.b64encode(b'us@er:pa:ss-SECRET').decode()}\r\n" in head
        assert "key-SECRET" not in head and "SECRET" not in daemon.log()
        check_end(daemon)


def test_plain_http_and_this_machine_go_past_the_proxy(tmp_path, service, upstream):
    with Proxy(service[0].port) as proxy:
        daemon = proxied(tmp_path, service, proxy)
        add_vendor(daemon, upstream)
        assert ask(daemon).status == 200
        assert proxy.heads == []
        check_end(daemon)


def test_hosts_that_are_not_listed_are_not_sent_through_the_proxy(tmp_path, service):
    with Proxy(service[0].port) as proxy:
        daemon = proxied(tmp_path, service, proxy, allow="other.test")
        assert add(daemon, "https://vendor.test:8443/v1").status == 201
        listed = daemon.request("GET", "/v1/providers/vendor", daemon.admin_key).json
        assert listed["configured"] is False and "proxy" in listed["reason"], listed
        answer = ask(daemon)
        assert answer.status == 503 and answer.json["code"] == "no_provider", answer
        assert proxy.heads == []
        check_end(daemon)


def test_no_proxy_is_heeded(tmp_path, service):
    with Proxy(service[0].port) as proxy:
        daemon = proxied(tmp_path, service, proxy, no_proxy="example.org,.test")
        assert add(daemon, "https://vendor.test:8443/v1").status == 201
        answer = ask(daemon)  # there is no such name: asked for by ourselves
        assert answer.status == 502 and proxy.heads == [], answer
        check_end(daemon)


@pytest.mark.parametrize("mode,code,why", [
    ("refuse", "upstream_unavailable", "status 403"),
    ("407", "upstream_unavailable", "407"),
    ("close", "upstream_unavailable", "broke"),
    ("junk", "upstream_unavailable", "cannot be used"),
    ("greets", "upstream_unavailable", "cannot be used"),
    ("endless", "upstream_unavailable", "cannot be used"),
    ("silent", "upstream_timeout", "timed out while connecting"),
    ("slow", "upstream_timeout", "timed out while connecting"),
])
def test_a_proxy_that_misbehaves(tmp_path, service, mode, code, why):
    known = len(service[0].requests())
    with Proxy(service[0].port, mode) as proxy:
        daemon = proxied(tmp_path, service, proxy, user="user:pass-SECRET@")
        assert add(daemon, "https://vendor.test:8443/v1", connect_ms=2000 if code == "upstream_timeout" else 60000).status == 201
        answer = ask(daemon)
        assert answer.json["code"] == code and why in answer.json["detail"] and "proxy" in answer.json["detail"], answer
        assert len(proxy.heads) >= 1 and len(service[0].requests()) == known
        assert "SECRET" not in str(answer.json) and "SECRET" not in daemon.log()
        proxy.mode = "connect"
        wait_until(lambda: ask(daemon).status == 200)
        check_end(daemon)


def test_a_proxy_that_is_not_there(tmp_path, service):
    with Proxy(service[0].port) as proxy:
        pass
    daemon = proxied(tmp_path, service, proxy)
    assert add(daemon, "https://vendor.test:8443/v1").status == 201
    answer = ask(daemon)
    assert answer.json["code"] == "upstream_unavailable" and "proxy" in answer.json["detail"], answer
    check_end(daemon)


@pytest.mark.parametrize("proxy,why", [("socks5://user:SECRET@p:1", "only proxies at http://"), ("http://user:SECRET@p:0", "the port is not"),
                                       ("http://user:SECRET@", "the host is missing")])
def test_a_proxy_address_that_cannot_be_used_is_named_without_its_password(tmp_path, monkeypatch, proxy, why):
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    done = run_lectern("check-config", "--data", tmp_path, check=False)
    assert done.returncode == 1 and "HTTPS_PROXY" in done.stderr and why in done.stderr and "SECRET" not in done.stderr, done
