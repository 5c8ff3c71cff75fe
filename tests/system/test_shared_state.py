"""
Several daemons on one PostgreSQL: limits are exact across all of them whatever comes, also when one is killed; the chain of the register is one and
whole; a change of the configuration is obeyed by all. Figures are printed (pytest -s).
"""
import collections
import contextlib
import http.client
import os
import random
import shutil
import signal
import threading
import time

import pytest
from conftest import Daemon, add_vendor, check_end, wait_until
from database import SERVER, connect, make, url_of

pytestmark = pytest.mark.skipif(not SERVER, reason="needs a PostgreSQL: LECTERN_TEST_POSTGRES is not set")

WINDOWS = ["fixed", "sliding", "day", "week", "month"]


class Cluster:
    """Daemons with data directories of their own on the database of the first."""

    def __init__(self, folder, n):
        self.folder, self.daemons = folder, []
        for i in range(n):
            self.start(i)

    def start(self, i):
        data = self.folder / f"p{i}"
        first = self.folder / "p0"
        if i > 0:
            data.mkdir(exist_ok=True)
            shutil.copy(first / "master.key", data / "master.key")
        else:
            make(data, os.environ["LECTERN_TEST_BINARY"])
        d = Daemon(data, "--threads", "2", "--database", url_of(first), demo=i == 0)
        if i > 0:
            d.keys = self.daemons[0].keys
        self.daemons[i:i + 1] = [d]
        return d

    def rows(self, sql, *values):
        with contextlib.closing(connect(f"file:{self.folder / 'p0' / 'lectern.db'}?mode=ro", uri=True)) as db:
            return db.execute(sql, values).fetchall()

    def any(self, random_):
        return random_.choice(self.daemons)


@pytest.fixture()
def cluster(tmp_path, upstream):
    c = Cluster(tmp_path, 3)
    c.daemons[0].cli("site", "set", "demo", "policy_by_lms=true", "resume_grace_ms=0", "--database", url_of(tmp_path / "p0"))
    add_vendor(c.daemons[0], upstream)
    for d in c.daemons:
        wait_until(lambda d=d: ask(d, "warm").status == 200, what="a call at each daemon")
    yield c
    for d in c.daemons:
        check_end(d)


def ask(d, user, text="Why does it rain?", **body):
    return d.request("POST", "/v1/actions/generate_text", d.service_key, {"input": {"prompt": text}, "user": {"id": user, "roles": ["teacher"]}, **body}, timeout=120)


def limit(d, **form):
    answer = d.request("POST", "/v1/limits", d.admin_key, {"unit": "requests", "window": "fixed", **({"window_s": 3600} if "window" not in form else {}), **form})
    assert answer.status in (200, 201), answer
    return answer.json["id"]


def used(d, number, user):
    quotas = d.request("GET", f"/v1/quota?user_id={user}&role=teacher", d.service_key).json["limits"]
    return next(q["used"] for q in quotas if q["limit"] == number)


def at_once(work, n):
    threads = [threading.Thread(target=work, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def seen_by_all(c):
    newest = c.rows("SELECT value FROM meta WHERE name = 'generation'")[0][0]
    for d in c.daemons:
        wait_until(lambda d=d: d.figure("lectern_config_generation") >= newest, what="the new configuration")


@pytest.mark.parametrize("window", [{"window_s": 3600}, {"window": "sliding", "window_s": 3600}, {"window": "day"}, {"window": "month"}])
def test_what_is_left_is_had_once_by_whoever_comes_first(cluster, window):
    """Of 3 times as many calls as a limit allows, at three daemons at once, exactly so many are answered; and all say the same of it."""
    number = limit(cluster.daemons[0], subject="user", amount=10, **window)
    seen_by_all(cluster)
    answers = collections.Counter()

    def work(i):
        for _ in range(5):
            answers[ask(cluster.daemons[i % 3], "ann").status] += 1

    at_once(work, 6)
    assert answers == {200: 10, 429: 20}, answers
    for d in cluster.daemons:
        wait_until(lambda d=d: used(d, number, "ann") == 10, what="all of it used")


def test_random_calls_at_three_daemons_one_of_them_killed_never_exceed_a_limit(cluster):
    """The register is the judge: what it says was asked for and spent is within every limit, and in the end it is what the counters say."""
    seed = int(os.environ.get("LECTERN_SEED", random.randrange(1 << 30)))
    print(f"\nLECTERN_SEED={seed}")
    r = random.Random(seed)
    users = [f"u{i}" for i in range(4)]
    by_number = {}
    for i in range(6):
        form = {"subject": r.choice(["site", "user"]), "unit": r.choice(["requests", "tokens"])}
        form["amount"] = r.randint(60, 400) if form["unit"] == "requests" else r.randint(100000, 2000000)
        form["window"] = WINDOWS[(i + seed) % len(WINDOWS)]
        if form["window"] in ("fixed", "sliding"):
            form["window_s"] = r.randint(1800, 7200)
        by_number[limit(cluster.daemons[0], **form)] = form  # one like an earlier one takes its place
    limits = sorted(by_number.items())
    print(*(f"{n}: {form}" for n, form in limits), sep="\n")
    seen_by_all(cluster)
    began = int(time.time() * 1000)
    statuses = collections.Counter()
    randoms = [random.Random(seed + 1 + i) for i in range(9)]

    def work(i):
        for _ in range(40):
            try:
                statuses[ask(cluster.any(randoms[i]), randoms[i].choice(users), "Why? " * randoms[i].randint(1, 40)).status] += 1
            except (OSError, http.client.HTTPException):  # a daemon that is killed breaks off
                statuses["broken"] += 1

    def kill():
        calls = r.randint(20, 150)
        wait_until(lambda: sum(statuses.values()) >= calls, what="the middle of it")
        cluster.daemons[2].stop(signal.SIGKILL)
        cluster.start(2)

    killer = threading.Thread(target=kill)
    killer.start()
    at_once(work, 9)
    killer.join()
    print(dict(statuses))
    assert statuses[200] > 0
    calls = cluster.rows("SELECT c.user_id, COALESCE(e.total_tokens, 0), e.state FROM ai_call c JOIN ai_call_end e ON e.call_id = c.id"
                         " WHERE c.created_at >= ? AND e.state = 'completed'", began)
    spent = {n: collections.Counter() for n, _ in limits}
    for user, tokens, _ in calls:
        for n, form in limits:
            spent[n]["" if form["subject"] == "site" else user] += 1 if form["unit"] == "requests" else max(tokens, 0)
    for n, form in limits:
        assert all(v <= form["amount"] for v in spent[n].values()), (n, form, spent[n])
    wait_until(lambda: cluster.rows("SELECT COUNT(*) FROM usage_process")[0][0] == 3, what="the row of the killed daemon to be taken away")
    wait_until(lambda: cluster.rows("SELECT COALESCE(SUM(ABS(taken - spent)), 0) FROM usage_lease")[0][0] == 0, what="all that was held to be given back")
    broken = statuses["broken"] > 0 or cluster.rows("SELECT COUNT(*) FROM ai_call_end WHERE code = 'interrupted'")[0][0] > 0
    for n, form in limits:
        counted = collections.Counter()
        for key, value in cluster.rows("SELECT counter_key, used FROM usage_counter WHERE limit_id = ?", n):
            counted[key.strip("\n")] += value
        assert all(v <= form["amount"] for v in counted.values()), (n, form, counted)
        for who, value in spent[n].items():
            # what a killed daemon had reserved stays counted: then the counter may say more, never less
            assert counted[who] >= value if broken else counted[who] == value, (n, form, who, counted[who], value)


def test_the_chain_is_one_and_whole_with_three_writers_and_a_killed_sealer(cluster):
    """Calls at three daemons; the one that seals is killed; another goes on within seconds, and nothing is missing or out of order."""
    seed = int(os.environ.get("LECTERN_SEED", random.randrange(1 << 30)))
    print(f"\nLECTERN_SEED={seed}")
    randoms = [random.Random(seed + i) for i in range(6)]

    def work(i):
        for _ in range(15):
            ask(cluster.daemons[randoms[i].randrange(2)], f"u{i}")

    holders = [d for d in cluster.daemons if "lease.held" in d.log()]
    print("held by", [cluster.daemons.index(d) for d in holders])
    at_once(work, 6)
    cluster.daemons[0].stop(signal.SIGKILL)
    killed = time.time()
    for i in range(5):
        assert ask(cluster.daemons[1 + i % 2], "late").status == 200
    wait_until(lambda: cluster.rows("SELECT COUNT(*) FROM register_pending")[0][0] == 0, what="another sealer")
    print(f"sealed again {time.time() - killed:.1f} s after the sealer was killed")
    assert cluster.rows("SELECT COUNT(*) FROM ai_call b LEFT JOIN register_seal s ON s.call_id = b.id AND s.kind = 1 WHERE s.seq IS NULL")[0][0] == 0
    assert cluster.rows("SELECT COUNT(*) FROM register_seal b JOIN register_seal e ON e.call_id = b.call_id AND e.kind = 2 WHERE b.kind = 1 AND e.seq < b.seq")[0][0] == 0
    assert cluster.rows("SELECT COUNT(*) FROM register_seal WHERE kind = 6")[0][0] == 0, "a break: a machine that joined was taken for one that lost its file"
    cluster.start(0)
    sealers = [d for d in cluster.daemons[1:] if (d.data / "register.head").exists()]
    assert len(sealers) == 1, "one process goes on"
    told = sealers[0].cli("register", "verify", "--database", url_of(cluster.folder / "p0"), check=False)
    assert told.returncode == 0, told.stdout + told.stderr


def test_a_change_of_the_configuration_is_obeyed_by_all(cluster):
    """Random changes at one daemon; how long until all three obey is printed."""
    seed = int(os.environ.get("LECTERN_SEED", random.randrange(1 << 30)))
    print(f"\nLECTERN_SEED={seed}")
    r = random.Random(seed)
    slowest = 0
    for _ in range(6):
        where, on = cluster.any(r), r.random() < 0.5
        if r.random() < 0.5:
            answer = where.request("POST", "/v1/limits", where.admin_key, {"subject": "user", "subject_id": "eve", "unit": "requests", "amount": 0, "window": "day"})
            assert answer.status in (200, 201), answer
            number, wanted = answer.json["id"], 429
        else:
            where.cli("site", "set", "demo", f"enabled={'true' if on else 'false'}", "--database", url_of(cluster.folder / "p0"))
            number, wanted = None, 200 if on else 403
        began = time.time()
        for d in cluster.daemons:
            wait_until(lambda d=d: ask(d, "eve").status in ((wanted,) if wanted != 403 else (403, 503)), what=f"{wanted} at each")
        slowest = max(slowest, time.time() - began)
        if number:
            assert where.request("DELETE", f"/v1/limits/{number}", where.admin_key).status in (200, 204)
        where.cli("site", "set", "demo", "enabled=true", "--database", url_of(cluster.folder / "p0"))
        for d in cluster.daemons:
            wait_until(lambda d=d: ask(d, "eve").status == 200, what="as before at each")
    print(f"slowest change, with the calls that looked: {slowest:.2f} s")
