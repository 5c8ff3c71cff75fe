"""Ten real minutes without the receiver, at the pace of every installation: `LECTERN_LONG=1 pytest tests/system/test_events_long.py`. Not one of the tests of every day."""
import itertools
import os
import time

import pytest
from conftest import wait_until
from receiver import Receiver
from test_events import Rig

pytestmark = pytest.mark.skipif(os.environ.get("LECTERN_LONG") != "1", reason="takes a quarter of an hour: LECTERN_LONG=1")

DOWN_S = int(os.environ.get("LECTERN_DOWN_S", "600"))
PACE_S = 0.2     # from one call to the next
BACK_S = 5 * 60  # the longest pause, after which the receiver is asked again


@pytest.fixture
def rig(tmp_path):
    rig = Rig(tmp_path, pace="1")
    yield rig
    rig.end()


def order(posts):
    """What each call's user was told of, in the order in which it first came; and how often something came again."""
    first, repeated = {}, 0
    for post in posts:
        if post.headers["webhook-id"] in first:
            repeated += 1
        else:
            first[post.headers["webhook-id"]] = post.json
    return list(first.values()), repeated


def test_ten_minutes_without_a_receiver_lose_nothing(rig):
    other = rig.receiver()
    down = Receiver()
    port = down.port
    down.stop()
    waits, told = rig.tell(f"http://127.0.0.1:{port}", config={"include_user": True}), rig.tell(other.url, config={"include_user": True})
    made, slowest, stop = {f"u{i}": [] for i in range(7)}, 0.0, time.time() + DOWN_S
    began = time.time()
    for name in itertools.cycle(made):
        if time.time() > stop:
            break
        asked = time.time()
        made[name].append(rig.summarise({"id": name, "roles": ["student"]}))
        slowest = max(slowest, time.time() - asked)
        time.sleep(PACE_S)
    calls = sum(len(ids) for ids in made.values())
    attempts, down_s = rig.state(waits)["failures"], time.time() - began
    assert rig.state(waits)["waiting"] == calls and rig.state(waits)["delivered"] == 0 and attempts >= 5
    back = Receiver(port=port)
    rig.receivers.append(back)
    came_back = time.time()
    wait_until(lambda: rig.state(waits)["waiting"] == 0 and rig.state(told)["waiting"] == 0, timeout=BACK_S + 120, what="all that waited")
    posts, repeated = order(back.all())
    for receiver in (back, other):
        for name, ids in made.items():
            assert [p["data"]["id"] for p in order(receiver.all())[0] if p["data"]["user_id"] == name] == ids
    assert rig.dead() == [] and len(posts) == calls
    first = back.all("posts")[0].at
    print(f"\ndown for {down_s:.0f} s, {attempts} failures in a row; {calls} calls meanwhile, the slowest {slowest * 1000:.0f} ms; asked again {first - came_back:.0f} s after"
          f" it was back; {len(posts)} events taken in {back.all()[-1].at - first:.1f} s, {repeated} of them more than once, {len(rig.dead())} given up; each user's in order")
