"""What AWS's services do with each request and stream: signatures of version 4, messages of application/vnd.amazon.eventstream, pictures."""
import base64
import datetime
import hashlib
import hmac
import json
import re
import struct
import urllib.parse
import zlib

PARTS = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/, ]+)/(\d{8})/([^/, ]+)/([^/, ]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?"
                   r"Signature=([0-9a-f]{64})")
SKEW_S = 300


class WrongSignature(Exception):
    """Why a signature is not taken, in AWS's words."""


def quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


def normalised(path):
    """RFC 3986 §5.2.4, and a run of slashes is one."""
    kept = []
    for segment in path.split("/"):
        if segment == "..":
            kept = kept[:-1]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith(("/", "/.", "/..")) else "")


def canonical_request(method, target, headers, names, raw):
    """`target` as it came; its path is normalised and encoded once more, as all services but S3 want it."""
    path, _, query = target.partition("?")
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    pairs = sorted((quote(urllib.parse.unquote(k)), quote(urllib.parse.unquote(v))) for k, v in pairs)
    lines = [f"{name}:{' '.join(headers[name].split())}" for name in names]
    return "\n".join([method, quote(normalised(path), "/"), "&".join(f"{k}={v}" for k, v in pairs), *lines, "", ";".join(names),
                      hashlib.sha256(raw).hexdigest()])


def signature(secret, date, region, service, canonical):
    def mac(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = mac(key, part)
    return mac(key, to_sign).hex()


def verify(method, target, headers, raw, service, secret):
    """The id of the key that signed; WrongSignature. `secret` None: only the form is looked at."""
    found = PARTS.fullmatch(headers.get("authorization", ""))
    if not found:
        raise WrongSignature("Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
    key_id, day, region, of_service, names, given = found.groups()
    names, date = names.split(";"), headers.get("x-amz-date", "")
    needed = {"host", "x-amz-date"} | {n for n in headers if n.startswith("x-amz-") or n == "content-type"}
    if names != sorted(set(names)) or not needed <= set(names) <= set(headers):
        raise WrongSignature(f"{sorted(needed - set(names))} must be signed, {names} were.")
    if of_service != service:
        raise WrongSignature(f"Credential should be scoped to correct service: '{service}'.")
    try:
        at = datetime.datetime.strptime(date, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    except ValueError:
        raise WrongSignature("Date must be in ISO-8601 'basic format'.") from None
    if day != date[:8]:
        raise WrongSignature("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP.")
    if abs((datetime.datetime.now(datetime.timezone.utc) - at).total_seconds()) > SKEW_S:
        raise WrongSignature(f"Signature expired: {date}.")
    canonical = canonical_request(method, target, headers, names, raw)
    if secret is not None and not hmac.compare_digest(signature(secret, date, region, service, canonical), given):
        raise WrongSignature("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
                             f"signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have "
                             f"been\n'{canonical}'")
    return key_id


def message(headers, payload):
    """Bytes of one message; all headers are strings."""
    block = b"".join(bytes([len(k)]) + k.encode() + b"\7" + struct.pack(">H", len(v.encode())) + v.encode() for k, v in headers.items())
    prelude = struct.pack(">II", 16 + len(block) + len(payload), len(block))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + block + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def event(name, value):
    return message({":event-type": name, ":content-type": "application/json", ":message-type": "event"}, json.dumps(value).encode())


def exception(name, value):
    return message({":exception-type": name, ":content-type": "application/json", ":message-type": "exception"}, json.dumps(value).encode())


def picture(width, height):
    """A grey PNG of that size, as base64."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + b"\x88" * width) * height, 1)
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) + chunk(b"IDAT", rows)
                            + chunk(b"IEND", b"")).decode()
