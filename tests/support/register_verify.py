#!/usr/bin/env python3
"""Verifies the register's chain from docs/register.md alone: no code of Lectern, only the database, SHA-256 and HMAC.

    register_verify.py DATA [MASTER_KEY_FILE]      prints what is wrong; exit code 1 when something is
"""
import hashlib
import hmac
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import database  # noqa: E402

NONE = bytes(32)
META = {
    1: [("ai_call", "id", "", ["site_id", "action", "course_id", "location_id", "placement", "content_stored", "created_at"])],
    2: [("ai_call_end", "call_id", "", ["state", "code", "instance_id", "model", "prompt_tokens", "completion_tokens", "total_tokens", "completed_at", "cost"]),
        ("ai_call_attempt", "call_id", "n", ["n", "instance_id", "instance", "plugin", "model", "success", "code", "vendor_status", "prompt_tokens",
                                             "completion_tokens", "duration_ms", "cost"])],
    3: [("tool_call", "call_id", "position", ["position", "state", "code", "duration_ms", "result_bytes"])],
    4: [("register_erasure", "call_id", "", ["erased_at"])],
}
CONTENT = {
    1: [("ai_call", "id", "", ["user_id"])],
    2: [("ai_call_end", "call_id", "", ["detail", "partial"]), ("ai_call_attempt", "call_id", "n", ["detail"]),
        ("ai_call_checkpoint", "call_id", "n", ["n", "created_at", "text"])],
    3: [("tool_call", "call_id", "position", ["name", "arguments"])],
    4: [],
}


def canon(value):
    if value is None:
        return b"n"
    if isinstance(value, int):
        return b"i" + value.to_bytes(8, "big", signed=True)
    if isinstance(value, str):
        value = value.encode()
        return b"t" + len(value).to_bytes(8, "big") + value
    return b"b" + len(value).to_bytes(8, "big") + value


def digest(*values, rest=b""):
    return hashlib.sha256(b"".join(map(canon, values)) + rest).digest()


class Register:
    def __init__(self, data, master_key=None):
        self.data = pathlib.Path(data)
        self.db = database.connect(f"file:{self.data / 'lectern.db'}?mode=ro", uri=True, timeout=60)
        lines = pathlib.Path(master_key or self.data / "master.key").read_text().split()
        self.keys = {hashlib.sha256(bytes.fromhex(k)).hexdigest()[:8]: bytes.fromhex(k) for k in lines}
        self.wrong = []

    def signed(self, purpose, key_id, mac, *values):
        key = hmac.digest(self.keys.get(key_id, b""), b"lectern mac " + purpose.encode(), "sha256")
        return hmac.compare_digest(hmac.digest(key, b"".join(map(canon, [purpose, *values])), "sha256"), mac)

    def rows(self, parts, call):
        out, there = b"", False
        for table, key, order, columns in parts:
            sql = f"SELECT {', '.join(columns)} FROM {table} WHERE {key} = ?" + (f" ORDER BY {order}" if order else "")
            for row in self.db.execute(sql, (call,)):
                there = True
                out += canon(table) + b"".join(canon(c) + canon(v) for c, v in zip(columns, row))
        return out, there

    def action_rows(self, call):
        action = self.db.execute("SELECT action FROM ai_call WHERE id = ?", (call,)).fetchone()
        table = f"ai_action_{action[0] if action else ''}"
        columns = sorted(c for c in database.columns(self.db, table) if c != "call_id")
        if not columns:
            return b""
        row = self.db.execute(f"SELECT {', '.join(columns)} FROM \"{table}\" WHERE call_id = ?", (call,)).fetchone()
        return b"".join(canon(table) + canon(c) + canon(v) for c, v in zip(columns, row or []) if v not in (None, ""))

    def content(self, kind, call, through):
        if kind == 4:
            return b"".join(self.content(k, call, 0) for k in (1, 2, 3) if through >> k & 1)
        return self.rows(CONTENT[kind], call)[0] + (self.action_rows(call) if kind == 2 else b"")

    def check_record(self, seq, kind, call, through, meta_hash, content_hash, salt, removed):
        meta, there = self.rows(META[kind], call)
        if not there:
            if not removed or self.db.execute("SELECT 1 FROM register_seal WHERE call_id = ? AND kind = 1", (call,)).fetchone():
                self.wrong.append(f"entry {seq}: its record is not there")
        elif digest("lectern/register/meta/1", rest=meta) != meta_hash:
            self.wrong.append(f"entry {seq}: metadata changed")
        elif salt and digest("lectern/register/content/1", salt, rest=self.content(kind, call, through or 0)) != content_hash:
            self.wrong.append(f"entry {seq}: content changed")

    def check_site(self, site, known):
        anchor = self.db.execute("SELECT seq, hash, calls, at, key_id, mac FROM register_anchor WHERE site_id = ?", (site,)).fetchone()
        seq, previous = anchor[:2] if anchor else (0, NONE)
        removed, hashes = seq > 0, {seq: previous}
        if anchor and not self.signed("register anchor", anchor[4], anchor[5], site, anchor[0], anchor[2], anchor[1], anchor[3]):
            self.wrong.append(f"site {site}: the anchor's signature")
        for row in self.db.execute("SELECT seq, kind, call_id, through, meta_hash, content_hash, salt, hash FROM register_seal WHERE site_id = ? ORDER BY seq",
                                   (site,)):
            number, kind, call, through, meta_hash, content_hash, salt, value = row
            if number != seq + 1:
                self.wrong.append(f"site {site}: a gap before entry {number}")
            if digest("lectern/register/entry/1", previous, site, number, kind, call, through, meta_hash, content_hash) != value:
                self.wrong.append(f"entry {number}: its hash")
            if kind <= 4:
                self.check_record(number, kind, call, through, meta_hash, content_hash, salt, removed)
            seq, previous = number, value
            hashes[seq] = value
        head = self.db.execute("SELECT seq, hash, calls, at, key_id, mac FROM register_head WHERE site_id = ?", (site,)).fetchone()
        if not head or (head[0], head[1]) != (seq, previous) or not self.signed("register head", head[4], head[5], site, seq, head[2], previous, head[3]):
            self.wrong.append(f"site {site}: the head")
        if known and known["seq"] > min(hashes) and hashes.get(known["seq"]) != bytes.fromhex(known["hash"]):
            self.wrong.append(f"site {site}: the head file")

    def check(self):
        file = json.loads((self.data / "register.head").read_text())
        heads = file["heads"]
        if not self.signed("register file", file["key"], bytes.fromhex(file["mac"]), file["at"], *(bytes.fromhex(h["mac"]) for h in heads)):
            self.wrong.append("the head file's signature")
        known = {h["site"]: h for h in heads}
        sites = {row[0] for row in self.db.execute("SELECT site_id FROM register_head UNION SELECT DISTINCT site_id FROM register_seal")}
        for site in sorted(sites | set(known)):
            self.check_site(site, known.get(site))
        for table, column, kind in (("ai_call", "id", 1), ("ai_call_end", "call_id", 2), ("tool_call", "call_id", 3)):
            for row in self.db.execute(f"SELECT DISTINCT t.{column} FROM {table} t LEFT JOIN register_seal s ON s.call_id = t.{column} AND s.kind = {kind}"
                                       f" LEFT JOIN register_pending p ON p.call_id = t.{column} AND p.kind = {kind}"
                                       " WHERE s.seq IS NULL AND p.kind IS NULL"):
                self.wrong.append(f"{table}: {row[0].hex()} is in no chain")
        return self.wrong


if __name__ == "__main__":
    found = Register(*sys.argv[1:]).check()
    print("\n".join(found) or "whole")
    sys.exit(1 if found else 0)
