"""What a site of Open edX declares to ask for runs and to be told of events: docs/events.md shows the same classes."""
from typing import Dict

import attr
import django
from django.conf import settings


def set_up(url, prefix):
    settings.configure(INSTALLED_APPS=[], EVENTS_SERVICE_NAME="lms", EVENT_BUS_REDIS_CONNECTION_URL=url, EVENT_BUS_TOPIC_PREFIX=prefix,
                       EVENT_BUS_REDIS_CONSUMER_POLL_TIMEOUT=1)
    django.setup()
    from openedx_events.tooling import OpenEdxPublicSignal
    return OpenEdxPublicSignal


def request_class(input_type):
    """The plugin's own class but for the type of user_input: its bare dict has no Avro schema."""
    return attr.make_class("AIOrchestrationRequestData", {"user_id": attr.ib(type=int), "course_id": attr.ib(type=str, default=None), "location_id": attr.ib(type=str, default=None),
                                                         "ui_slot_selector_id": attr.ib(type=str, default=None), "user_input": attr.ib(type=input_type, factory=dict),
                                                         "action": attr.ib(type=str, default="run")}, frozen=True)


AnnotatedRequest, TextRequest, BareRequest = request_class(Dict[str, str]), request_class(str), request_class(dict)


@attr.s(frozen=True)
class LecternEventData:
    site = attr.ib(type=str)
    user_id = attr.ib(type=str)
    actor = attr.ib(type=str)
    id = attr.ib(type=str, default=None)
    action = attr.ib(type=str, default=None)
    profile = attr.ib(type=str, default=None)
    course_id = attr.ib(type=str, default=None)
    location_id = attr.ib(type=str, default=None)
    placement = attr.ib(type=str, default=None)
    state = attr.ib(type=str, default=None)
    code = attr.ib(type=str, default=None)
    model = attr.ib(type=str, default=None)
    version = attr.ib(type=str, default=None)
    duration_ms = attr.ib(type=int, default=None)
    prompt_tokens = attr.ib(type=int, default=None)
    completion_tokens = attr.ib(type=int, default=None)
    total_tokens = attr.ib(type=int, default=None)
    cost = attr.ib(type=int, default=None)
