"""consume.py URL PREFIX N: Open edX's own consumer of what Lectern tells; prints N events as lines of JSON."""
import json
import sys

import attr
import signals

OpenEdxPublicSignal = signals.set_up(sys.argv[1], sys.argv[2])
from edx_event_bus_redis.internal.consumer import RedisEventConsumer  # noqa: E402

left = int(sys.argv[3])
consumer = RedisEventConsumer("lectern-events", "test-group", "test-consumer", last_read_msg_id="0")


def told(sender, lectern_event, metadata, **_):
    global left
    print(json.dumps({"type": metadata.event_type, "id": str(metadata.id), "source": metadata.source, "time": metadata.time.isoformat(), **attr.asdict(lectern_event)}), flush=True)
    left -= 1
    if left == 0:
        consumer._shut_down()


for name in ("call.completed", "call.failed", "workflow.initialized", "workflow.interacted", "workflow.completed"):
    OpenEdxPublicSignal(event_type=f"org.lectern.{name}.v1", data={"lectern_event": signals.LecternEventData}).connect(told)
consumer.consume_indefinitely()
