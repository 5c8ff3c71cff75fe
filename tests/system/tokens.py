"""Users' tokens and issuers' keys as an LMS makes them: by OpenSSL's own program, so that none of it is Lectern's code. And a key server."""
import base64
import hashlib
import hmac
import http.server
import json
import subprocess
import tempfile
import threading
import time

DIGEST = {"RS256": "sha256", "RS512": "sha512", "ES256": "sha256"}


def b64(data):
    return base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).rstrip(b"=").decode()


def openssl(*args, stdin=b""):
    return subprocess.run(["openssl", *map(str, args)], input=stdin, capture_output=True, check=True, timeout=60).stdout


class Key:
    """A pair of keys: "RSA" or "EC"."""

    def __init__(self, kind, kid=None):
        self.kind, self.kid = kind, kid
        options = ["rsa_keygen_bits:2048"] if kind == "RSA" else ["ec_paramgen_curve:P-256"]
        self.private = openssl("genpkey", "-algorithm", kind, "-pkeyopt", *options)
        self.public = openssl("pkey", "-pubout", stdin=self.private).decode()
        self._file = tempfile.NamedTemporaryFile(suffix=".pem")
        self._file.write(self.private)
        self._file.flush()

    @property
    def jwk(self):
        named = {"kid": self.kid} if self.kid else {}
        if self.kind == "RSA":
            modulus = openssl("rsa", "-pubin", "-noout", "-modulus", stdin=self.public.encode()).decode().strip().split("=")[1]
            return {"kty": "RSA", "use": "sig", "n": b64(bytes.fromhex(modulus)), "e": "AQAB", **named}
        point = openssl("pkey", "-pubin", "-outform", "DER", stdin=self.public.encode())[-64:]
        return {"kty": "EC", "crv": "P-256", "x": b64(point[:32]), "y": b64(point[32:]), **named}

    def sign(self, alg, text):
        signature = openssl("dgst", f"-{DIGEST[alg]}", "-sign", self._file.name, stdin=text)
        return signature if self.kind == "RSA" else raw_signature(signature)


def raw_signature(der):
    """r and s of a DER signature, 32 bytes each (RFC 7518 §3.4)."""
    at, parts = 2, []
    for _ in range(2):
        n = der[at + 1]
        parts.append(der[at + 2:at + 2 + n].lstrip(b"\0").rjust(32, b"\0"))
        at += 2 + n
    return parts[0] + parts[1]


def key_set(*keys):
    return {"keys": [key.jwk for key in keys]}


def claims(**changes):
    now = int(time.time())
    c = {"iss": "https://lms.example/oauth2", "aud": "openedx", "sub": "u1", "iat": now, "exp": now + 86400, **changes}
    return {name: value for name, value in c.items() if value is not None}


def token(key, alg, payload=None, **header):
    """key: a Key, or the text of a shared secret. A header member that is None is left out."""
    head = {"typ": "JWT", "alg": alg, "kid": getattr(key, "kid", None), **header}
    signed = b64({name: value for name, value in head.items() if value is not None}) + "." + b64(claims() if payload is None else payload)
    if isinstance(key, Key):
        signature = key.sign(alg, signed.encode())
    else:
        signature = hmac.new(key.encode() if isinstance(key, str) else key, signed.encode(), hashlib.sha256).digest()
    return signed + "." + b64(signature)


class KeyServer:
    """Serves a key set at .url, while .status is 200; counts who asks; answers wait for .gate when it is cleared."""

    def __init__(self, *keys):
        outer = self
        self.keys, self.status, self.asked = list(keys), 200, 0
        self.gate = threading.Event()
        self.gate.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.asked += 1
                outer.gate.wait(60)
                body = json.dumps(key_set(*outer.keys)).encode() if outer.status == 200 else b"no"
                self.send_response(outer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/oauth2/jwks"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.gate.set()
        self.server.shutdown()
        self.server.server_close()
