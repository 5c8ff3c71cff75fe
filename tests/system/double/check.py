"""What every vendor's check of a request needs. A check raises Refuse with the vendor's status and words."""
import base64
import binascii
import re

HASH = re.compile(r"[0-9a-f]{64}")


class Refuse(Exception):
    """The vendor would not take this request."""

    def __init__(self, message, param=None, status=400, code=None, kind=None):
        super().__init__(message)
        self.message, self.param, self.status, self.code, self.kind = message, param, status, code, kind


def need(condition, message, param=None, **more):
    if not condition:
        raise Refuse(message, param, **more)


def typed(value, kind, name):
    """`value` is of the type; bool is no number."""
    good = isinstance(value, kind) and not (isinstance(value, bool) and kind in (int, float, (int, float)))
    need(good, f"Invalid type for '{name}': got {type(value).__name__}.", name, code="invalid_type")
    return value


def text(value, name, empty=False):
    typed(value, str, name)
    need(empty or value, f"'{name}' must not be empty.", name)
    return value


def number(value, name, low, high, whole=False):
    typed(value, int if whole else (int, float), name)
    need(low <= value <= high, f"Invalid '{name}': {value} is not between {low} and {high}.", name)
    return value


def members(value, known, needed, name=""):
    """An object with none but known members, and all the needed ones."""
    typed(value, dict, name or "body")
    dot = name + "." if name else ""
    for key in value:
        need(key in known, f"Unknown parameter: '{dot}{key}'.", dot + key, code="unknown_parameter")
    for key in needed:
        need(key in value, f"Missing required parameter: '{dot}{key}'.", dot + key, code="missing_required_parameter")
    return value


def items(value, name, least=0, most=None):
    typed(value, list, name)
    need(len(value) >= least, f"Invalid '{name}': empty array.", name)
    need(most is None or len(value) <= most, f"Invalid '{name}': more than {most} items.", name)
    return value


def one_of(value, choices, name):
    need(isinstance(value, str) and value in choices, f"Invalid value for '{name}': {value!r}. Supported values are: {', '.join(choices)}.", name,
         code="invalid_value")
    return value


def user_hash(value, name):
    """Vendors take any text; we send nothing but the hash."""
    need(isinstance(value, str) and HASH.fullmatch(value), f"'{name}' is not the hash of a user", name)


MAGIC = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF"}


def image_bytes(data, media_type, name):
    """Base64 of an image of that type (any of them when media_type is None)."""
    text(data, name)
    try:
        raw = base64.b64decode(data, validate=True)
    except binascii.Error as error:
        raise Refuse(f"'{name}' is not valid base64.", name) from error
    kinds = MAGIC if media_type is None else {media_type: MAGIC.get(media_type, b"\0none")}
    need(any(raw.startswith(magic) for magic in kinds.values()), f"'{name}' is not an image of a supported type.", name)


def schema(value, name):
    """A JSON Schema of an object, as far as vendors look."""
    typed(value, dict, name)
    need(value.get("type") == "object", f"Invalid schema for '{name}': schema must be of type \"object\".", name)


def metadata(value, name="metadata"):
    typed(value, dict, name)
    need(len(value) <= 16, f"Invalid '{name}': too many properties.", name)
    for key, v in value.items():
        need(len(key) <= 64 and isinstance(v, str) and len(v) <= 512, f"Invalid '{name}.{key}'.", name)


def bearer(headers):
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key if scheme.lower() == "bearer" and key else None
