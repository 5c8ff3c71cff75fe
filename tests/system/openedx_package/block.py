"""The block of the package's tests, with the library XBlock, against a daemon: argv names address and key. Standard output is JSON."""

import json
import os
import sys
import threading

os.environ.update(LECTERN_URL=sys.argv[1], LECTERN_KEY=sys.argv[2])

from tests import blocks
from lectern_openedx import wiring


class Runtime(blocks.PlainRuntime):
    def service(self, block, service_name):
        found = super().service(block, service_name)
        return found(block) if callable(found) else found


def block(user_id, profile):
    made = blocks.block_for(Runtime(services={"user": blocks.Users(user_id), **wiring.services_table()}), user_id)
    made.ai_profile = profile
    return made


def ask(user_id, profile="ask"):
    return blocks.handle(block(user_id, profile), "hint", {"text": f"essay of {user_id}"})


def at_once(users):
    answers = {}
    threads = [threading.Thread(target=lambda user=user: answers.update({user: [ask(user) for _ in range(5)]})) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


one = block(7, "ask")
json.dump(
    {
        "view": one.student_view().content,
        "studio": one.studio_view().content,
        "answer": ask(7),
        "elsewhere": ask(7, "hidden"),
        "both": at_once([11, 12]),
    },
    sys.stdout,
)
