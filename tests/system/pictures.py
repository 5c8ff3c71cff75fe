"""Pictures without a vendor: small ones that are made here, and a service that gives them, which is a recording."""
import base64
import json
import struct
import zlib

OTHERS = ["generate_text", "summarise_text", "explain_text", "continue_conversation", "embed_text", "grade_response", "generate_question",
          "generate_flashcard", "translate_text", "improve_text", "moderate_text", "describe_image"]


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(width=64, height=48, colour=(200, 80, 40), extra=b"", claimed=None):
    """A picture of one colour; claimed: the size that its head says."""
    rows = (b"\0" + bytes(colour) * width) * height
    head = struct.pack(">IIBBBBB", *(claimed or (width, height)), 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def b64(data):
    return base64.b64encode(data).decode()


def add_painter(daemon, *images):
    """An instance that serves generate_image alone: whatever it is asked, it gives these pictures ({"base64", "revised_prompt"?})."""
    folder = daemon.data / "recordings"
    folder.mkdir(exist_ok=True)
    exchange = {"action": "generate_image", "input": {}, "images": list(images), "model": "painter-1"}
    (folder / "painter.json").write_text(json.dumps({"recording": 1, "exchanges": [exchange]}))
    body = {"name": "painter", "plugin": "replay", "config": {"recording": "painter", "match": "any", "speed": 0, "retries": 0},
            "actions": {name: {"enabled": False} for name in OTHERS}}
    answer = daemon.request("POST", "/v1/providers", daemon.admin_key, body)
    assert answer.status == 201, answer
    assert daemon.request("PUT", "/v1/providers/order", daemon.admin_key, {"ids": [answer.json["id"]]}).status == 200
