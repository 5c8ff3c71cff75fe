"""produce.py URL PREFIX: sends each line of standard input, {"form", "id"?, "data"}, by Open edX's own producer."""
import json
import sys
import uuid

import signals

OpenEdxPublicSignal = signals.set_up(sys.argv[1], sys.argv[2])
from edx_event_bus_redis.internal.producer import create_producer  # noqa: E402
from openedx_events.data import EventsMetadata  # noqa: E402

TYPE = "org.openedx.ai_extensions.orchestration.requested.v1"
CLASSES = {"map": signals.AnnotatedRequest, "text": signals.TextRequest, "bare": signals.BareRequest}
producer = create_producer()
for line in sys.stdin:
    case = json.loads(line)
    OpenEdxPublicSignal._mapping = {}
    signal = OpenEdxPublicSignal(event_type=TYPE, data={"ai_orchestration_request": CLASSES[case["form"]]})
    metadata = EventsMetadata(event_type=TYPE, id=uuid.UUID(case["id"]) if "id" in case else None)
    producer.send(signal=signal, topic="ai-orchestration-requests", event_key_field="ai_orchestration_request.user_id",
                  event_data={"ai_orchestration_request": CLASSES[case["form"]](**case["data"])}, event_metadata=metadata)
    print(metadata.id)
