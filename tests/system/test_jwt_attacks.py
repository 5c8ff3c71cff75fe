"""The table of attacks on tokens: one row for each known way to cheat, tried over HTTP on an issuer of each kind of key. All are refused."""
import base64
import json
import time

import pytest
from conftest import Daemon, check_end, wait_until
from tokens import Key, b64, claims, key_set, openssl, token

SECRET = "a shared secret of the test"
NOW, DAY = int(time.time()), 86400  # of collecting: what is ahead is far enough for the longest run


class Lms:
    """A daemon whose site takes tokens of one issuer for each kind of key; `rsa` and `ec` are theirs, the others are an attacker's."""

    def __init__(self, daemon, folder):
        self.daemon = daemon
        self.rsa, self.ec, self.evil_rsa, self.evil_ec = Key("RSA", "r1"), Key("EC", "e1"), Key("RSA", "r1"), Key("EC", "e1")
        for aud, alg, key in (("rs", "RS256", self.rsa), ("es", "ES256", self.ec)):
            (folder / aud).write_text(json.dumps(key_set(key)))
            daemon.cli("issuer", "set", "https://lms.example/oauth2", aud, "--site", "demo", "--alg", alg, "--jwks-file", folder / aud)
        daemon.cli("issuer", "set", "https://lms.example/oauth2", "hs", "--site", "demo", "--secret-file", "-", stdin=SECRET)
        signers = (("rs", "RS256", self.rsa), ("es", "ES256", self.ec), ("hs", "HS256", SECRET))
        self.good = {aud: token(key, alg, claims(aud=aud)) for aud, alg, key in signers}
        wait_until(lambda: self.all_good(), what="the issuers")

    def all_good(self):
        return all(self.ask(jwt) == 200 for jwt in self.good.values())

    def ask(self, jwt):
        field = b"Bearer " + (jwt if isinstance(jwt, bytes) else jwt.encode())
        return self.daemon.request("GET", "/v1/actions", headers={"Authorization": field}).status

    def rs(self, payload=None, **header):
        return token(self.rsa, "RS256", claims(aud="rs") if payload is None else payload, **header)

    def es_signed(self, signature):
        signed = b64({"alg": "ES256"}) + "." + b64(claims(aud="es"))
        return signed + "." + b64(signature(signed.encode()))

    def der(self, signed):
        return openssl("dgst", "-sha256", "-sign", self.ec._file.name, stdin=signed)


@pytest.fixture(scope="module")
def lms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("attacks")
    d = Daemon(folder / "data")
    yield Lms(d, folder)
    check_end(d)


def part(jwt, i, change):
    parts = jwt.split(".")
    parts[i] = change(parts[i])
    return ".".join(parts)


def forged(secret, aud="rs", alg="HS256", **header):
    """An HMAC by something that everybody can know."""
    return token(secret, alg, claims(aud=aud), **header)


def raw(lms, header, payload):
    """Rightly signed, whatever it says."""
    signed = (header if isinstance(header, str) else b64(header)) + "." + (payload if isinstance(payload, str) else b64(payload))
    return signed + "." + b64(lms.rsa.sign("RS256", signed.encode()))


def with_claims(**times):
    return lambda lms: lms.rs(claims(**{"aud": "rs", **times}))


def unsigned(alg, signature=""):
    return lambda lms: b64({"typ": "JWT", "alg": alg} if alg is not Ellipsis else {"typ": "JWT"}) + "." + b64(claims(aud="rs")) + "." + signature


def spare_bits(text):
    """The last character of base64url, with bits that no byte has: another spelling of the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + alphabet[alphabet.index(text[-1]) + 1]


def nested(depth):
    return b'{"aud":"rs","x":' + b"[" * depth + b"]" * depth + b"}"


def never(exp):
    return json.dumps(claims(aud="rs", exp="X")).encode().replace(b'"X"', exp)


def spki(key):
    return openssl("pkey", "-pubin", "-outform", "DER", stdin=key.public.encode())


def pkcs1(key):
    return openssl("rsa", "-pubin", "-RSAPublicKey_out", "-outform", "DER", stdin=key.public.encode())


DOUBLE_SUB = json.dumps(claims(aud="rs"))[:-1].encode() + b',"sub":"root"}'
ESCAPED_SUB = json.dumps(claims(aud="rs"))[:-1].encode() + b',"\\u0073ub":"root"}'

ATTACKS = {
    # no signature at all
    "none": unsigned("none"),
    "None": unsigned("None"),
    "NONE": unsigned("NONE"),
    "nOnE": unsigned("nOnE"),
    "none with a space": unsigned("none "),
    "an empty alg": unsigned(""),
    "no alg": unsigned(...),
    "alg null": unsigned(None),
    "alg a list": unsigned(["RS256"]),
    "alg a number": unsigned(256),
    "none and a signature": lambda lms: unsigned("none", lms.good["rs"].split(".")[2])(lms),
    "an empty signature": lambda lms: part(lms.good["rs"], 2, lambda s: ""),
    # another algorithm than the key's
    "RS to HS, key as PEM": lambda lms: forged(lms.rsa.public),
    "RS to HS, PEM without its last line's end": lambda lms: forged(lms.rsa.public.strip()),
    "RS to HS, PEM with CRLF": lambda lms: forged(lms.rsa.public.replace("\n", "\r\n")),
    "RS to HS, key as DER": lambda lms: forged(spki(lms.rsa)),
    "RS to HS, PKCS #1": lambda lms: forged(pkcs1(lms.rsa)),
    "RS to HS, key as JWK": lambda lms: forged(json.dumps(lms.rsa.jwk)),
    "RS to HS, its set": lambda lms: forged(json.dumps(key_set(lms.rsa))),
    "RS to HS, the modulus": lambda lms: forged(base64.urlsafe_b64decode(lms.rsa.jwk["n"] + "==")),
    "RS to HS, no secret": lambda lms: forged(""),
    "an HMAC that says RS256": lambda lms: forged(lms.rsa.public, alg="RS256", kid="r1"),
    "ES to HS": lambda lms: forged(lms.ec.public, aud="es"),
    "ES to RS": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="es")),
    "RS256 to RS512": lambda lms: token(lms.rsa, "RS512", claims(aud="rs")),
    "HS to RS": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="hs")),
    "PS256": lambda lms: raw(lms, {"alg": "PS256"}, claims(aud="rs")),
    "rs256": lambda lms: raw(lms, {"alg": "rs256"}, claims(aud="rs")),
    "another's audience, one's own key": lambda lms: token(lms.ec, "ES256", claims(aud="rs")),
    # which key
    "wrong kid": lambda lms: lms.rs(kid="r2"),
    "empty kid": lambda lms: lms.rs(kid=""),
    "kid in capitals": lambda lms: lms.rs(kid="R1"),
    "kid a path": lambda lms: lms.rs(kid="../../../../dev/null"),
    "kid a device, signed with nothing": lambda lms: forged("", kid="/dev/null"),
    "kid SQL": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="rs"), kid="x' UNION SELECT 'r1"),
    "kid with NUL": lambda lms: lms.rs(kid="r1\0"),
    "kid a number": lambda lms: lms.rs(kid=1),
    "kid a list": lambda lms: lms.rs(kid=["r1"]),
    "kid huge": lambda lms: lms.rs(kid="r" * 300),
    "an attacker's key of that name": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="rs")),
    "an embedded jwk": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="rs"), jwk=lms.evil_rsa.jwk),
    "jku": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="rs"), jku="https://evil.example/keys"),
    "x5u": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="rs"), x5u="https://evil.example/cert"),
    "x5c": lambda lms: token(lms.evil_rsa, "RS256", claims(aud="rs"), x5c=[base64.b64encode(spki(lms.evil_rsa)).decode()]),
    # times
    "expired": with_claims(exp=NOW - 60),
    "expired long ago": with_claims(exp=0),
    "exp negative": with_claims(exp=-1),
    "exp a string": with_claims(exp=str(NOW + DAY)),
    "exp a float of the past": with_claims(exp=NOW - 60.5),
    "exp huge": with_claims(exp=10**40),
    "exp 1e308": with_claims(exp=1e308),
    "exp a list": with_claims(exp=[NOW + DAY]),
    "exp true": with_claims(exp=True),
    "no exp": with_claims(exp=None),
    "exp infinite": lambda lms: raw(lms, {"alg": "RS256"}, b64(never(b"1e999"))),
    "exp NaN": lambda lms: raw(lms, {"alg": "RS256"}, b64(never(b"NaN"))),
    "not yet valid": with_claims(nbf=NOW + DAY),
    "nbf a string": with_claims(nbf="0"),
    "issued in the future": with_claims(iat=NOW + DAY),
    "iat an object": with_claims(iat={}),
    # for whom, from whom
    "wrong aud": with_claims(aud="else"),
    "no aud": with_claims(aud=None),
    "aud an object": with_claims(aud={"rs": 1}),
    "aud in capitals": with_claims(aud="RS"),
    "wrong iss": with_claims(iss="https://evil.example"),
    "iss with a slash more": with_claims(iss="https://lms.example/oauth2/"),
    "no iss": with_claims(iss=None),
    "iss a list": with_claims(iss=["https://lms.example/oauth2"]),
    "sub empty": with_claims(sub=""),
    "no sub": with_claims(sub=None),
    "sub a list": with_claims(sub=["u1"]),
    "sub with NUL": with_claims(sub="u1\0root"),
    "sub with a line's end": with_claims(sub="u1\nroot"),
    "sub huge": with_claims(sub="u" * 300),
    # what is said twice, or must be understood
    "two algs": lambda lms: raw(lms, b64(b'{"alg":"none","alg":"RS256"}'), claims(aud="rs")),
    "two algs, one escaped": lambda lms: raw(lms, b64(b'{"\\u0061lg":"none","alg":"RS256"}'), claims(aud="rs")),
    "two kids": lambda lms: raw(lms, b64(b'{"alg":"RS256","kid":"r1","kid":"r1"}'), claims(aud="rs")),
    "two subs": lambda lms: raw(lms, {"alg": "RS256"}, b64(DOUBLE_SUB)),
    "two subs, one escaped": lambda lms: raw(lms, {"alg": "RS256"}, b64(ESCAPED_SUB)),
    "crit": lambda lms: lms.rs(crit=["exp"]),
    "crit that is empty": lambda lms: lms.rs(crit=[]),
    "crit that is no list": lambda lms: lms.rs(crit="exp"),
    "an unencoded payload": lambda lms: lms.rs(crit=["b64"], b64=False),
    # signatures
    "ES256 zeros": lambda lms: lms.es_signed(lambda s: b"\0" * 64),
    "ES256 r 0": lambda lms: lms.es_signed(lambda s: b"\0" * 32 + lms.ec.sign("ES256", s)[32:]),
    "ES256 s 0": lambda lms: lms.es_signed(lambda s: lms.ec.sign("ES256", s)[:32] + b"\0" * 32),
    "ES256 all ones": lambda lms: lms.es_signed(lambda s: b"\xff" * 64),
    "ES256 in DER": lambda lms: lms.es_signed(lms.der),
    "ES256 a byte short": lambda lms: lms.es_signed(lambda s: lms.ec.sign("ES256", s)[:63]),
    "ES256 a byte more": lambda lms: lms.es_signed(lambda s: lms.ec.sign("ES256", s) + b"\0"),
    "ES256 by another": lambda lms: token(lms.evil_ec, "ES256", claims(aud="es")),
    "the signature of another token": lambda lms: part(lms.rs(claims(aud="rs", sub="root")), 2, lambda s: lms.good["rs"].split(".")[2]),
    "an HMAC of another token": lambda lms: part(forged(SECRET, aud="hs", kid="x"), 2, lambda s: lms.good["hs"].split(".")[2]),
    "an HMAC cut short": lambda lms: part(lms.good["hs"], 2, lambda s: s[:22]),
    "changed claims": lambda lms: part(lms.good["hs"], 1, lambda s: b64(claims(aud="hs", sub="root"))),
    "an HMAC as hex": lambda lms: part(lms.good["hs"], 2, lambda s: b64(base64.urlsafe_b64decode(s + "=").hex().encode())),
    # spellings of base64url
    "padding": lambda lms: part(lms.good["hs"], 2, lambda s: s + "="),
    "padding of the claims": lambda lms: part(lms.good["hs"], 1, lambda s: s + "=" * (-len(s) % 4 or 4)),
    "a space within": lambda lms: part(lms.good["hs"], 2, lambda s: s[:9] + " " + s[9:]),
    "a tab within": lambda lms: part(lms.good["hs"], 2, lambda s: s[:9] + "\t" + s[9:]),
    "standard base64": lambda lms: part(lms.good["rs"], 2, lambda s: base64.b64encode(base64.urlsafe_b64decode(s + "==")).decode()),
    "spare bits": lambda lms: part(lms.good["hs"], 2, spare_bits),
    "percent-encoded": lambda lms: part(lms.good["hs"], 2, lambda s: "%" + s[0].encode().hex() + s[1:]),
    # forms
    "two parts": lambda lms: lms.good["hs"].rsplit(".", 1)[0],
    "four parts": lambda lms: lms.good["hs"] + ".x",
    "a dot behind": lambda lms: lms.good["hs"] + ".",
    "a dot before": lambda lms: "." + lms.good["hs"],
    "no header": lambda lms: part(lms.good["hs"], 0, lambda s: ""),
    "dots": lambda lms: "..",
    "five parts (JWE)": lambda lms: "a.b.c.d.e",
    "a token within a token": lambda lms: raw(lms, {"alg": "RS256", "cty": "JWT"}, b64(lms.good["rs"].encode())),
    "claims that are a list": lambda lms: raw(lms, {"alg": "RS256"}, b64(b"[]")),
    "claims that are nothing": lambda lms: raw(lms, {"alg": "RS256"}, b64(b" ")),
    "JSON with more behind": lambda lms: raw(lms, {"alg": "RS256"}, b64(json.dumps(claims(aud="rs")).encode() + b"{}")),
    "JSON with a comment": lambda lms: raw(lms, {"alg": "RS256"}, b64(b"/**/" + json.dumps(claims(aud="rs")).encode())),
    "a byte order mark": lambda lms: raw(lms, {"alg": "RS256"}, b64(b"\xef\xbb\xbf" + json.dumps(claims(aud="rs")).encode())),
    "UTF-16": lambda lms: raw(lms, {"alg": "RS256"}, b64(json.dumps(claims(aud="rs")).encode("utf-16"))),
    "not UTF-8": lambda lms: raw(lms, {"alg": "RS256"}, b64(json.dumps(claims(aud="rs", sub="uX")).encode().replace(b"uX", b"u\xff"))),
    "NUL behind the claims": lambda lms: raw(lms, {"alg": "RS256"}, b64(json.dumps(claims(aud="rs")).encode() + b"\0")),
    "a lone surrogate": lambda lms: raw(lms, {"alg": "RS256"}, b64(json.dumps(claims(aud="rs", sub="uX")).encode().replace(b"uX", b"\\ud800"))),
    "deep nesting": lambda lms: raw(lms, {"alg": "RS256"}, b64(nested(2000))),
    "deep nesting of the header": lambda lms: raw(lms, b64(b'{"alg":"RS256","x":' + b"[" * 2000), b"{}"),
    "bytes beyond ASCII": lambda lms: part(lms.good["hs"], 2, lambda s: s[:-1]).encode() + b"\xff",
    # size
    "a huge token": lambda lms: lms.rs(claims(aud="rs", x="x" * 9000)),
    "a huge header": lambda lms: lms.rs(x="x" * 9000),
    "many members": lambda lms: lms.rs({**claims(aud="rs"), **{f"m{i}": i for i in range(900)}}),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_jwt_attack_table(lms, name):
    assert lms.ask(ATTACKS[name](lms)) == 401
    assert lms.all_good(), "the daemon takes good tokens as before"


def test_a_token_beyond_what_a_head_may_hold_is_no_token(lms):
    assert lms.ask("x" * 200000) == 431
    assert lms.all_good()


def test_what_the_attacks_were_made_of_is_taken_when_it_is_right(lms):
    """So that no row above is refused for a reason of its own."""
    assert lms.ask(raw(lms, {"alg": "RS256"}, claims(aud="rs"))) == 200
    assert lms.ask(lms.es_signed(lambda s: lms.ec.sign("ES256", s))) == 200
    assert lms.ask(forged(SECRET, aud="hs", kid="x")) == 200
    assert lms.ask(lms.rs(kid=None, jwk=lms.evil_rsa.jwk, jku="https://evil.example/keys", x5u="https://evil.example/cert")) == 200  # not heeded
    assert lms.ask(lms.rs(claims(aud=["else", "rs"], exp=NOW + DAY + 0.5, nbf=NOW - 1, x=[[[]]]))) == 200
