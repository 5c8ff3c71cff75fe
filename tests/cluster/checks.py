"""
What must hold at the end, whatever happened: each check reads the database, and what the clients were told and the AI service was asked, and gives what is wrong.
`PROOFS` are changes after which a check must complain; they are made to the run's own data in a transaction that is rolled back.
"""
import collections
import json
import re
import uuid

LIMIT = 5  # calls of a user who is limited


def rows(db, sql, values=()):
    with db.cursor() as cursor:
        cursor.execute(sql if values else sql.replace("%%", "%"), values or None)
        return cursor.fetchall()


def answers_are_recorded(db, run):
    """No acknowledged answer is missing from the register: each has its call, completed, with the same text."""
    kept = {str(uuid.UUID(bytes=bytes(call))): (state, count) for call, state, count in rows(
        db, "SELECT c.id, max(e.state), count(e.state) FROM ai_call c LEFT JOIN ai_call_end e ON e.call_id = c.id GROUP BY c.id")}
    texts = {str(uuid.UUID(bytes=bytes(call))): text for call, text in rows(db, "SELECT call_id, generatedcontent FROM ai_action_generate_text")}
    wrong = []
    for answer in run.told.answers:
        state, ends = kept.get(answer["id"], ("missing", 0))
        if (state, ends) != ("completed", 1):
            wrong.append(f"{answer['form']} {answer['id']} was answered; the register says {state}, with {ends} ends")
        elif texts.get(answer["id"]) != answer["text"]:
            wrong.append(f"{answer['form']} {answer['id']} was answered with another text than the register has")
    return wrong


def calls_end_once(db, run):
    """No call has two ends, none is without one, and no key of idempotency was answered by two calls."""
    wrong = [f"call {uuid.UUID(bytes=bytes(call))} has {n} ends" for call, n in rows(
        db, "SELECT c.id, count(e.state) FROM ai_call c LEFT JOIN ai_call_end e ON e.call_id = c.id GROUP BY c.id HAVING count(e.state) <> 1")]
    by_key = collections.defaultdict(set)
    for answer in run.told.answers:
        if "key" in answer:
            by_key[answer["key"]].add(answer["id"])
    wrong += [f"{key} was answered by {len(ids)} calls" for key, ids in by_key.items() if len(ids) > 1]
    answered = collections.Counter(prompt for (prompt,) in rows(
        db, "SELECT a.prompt FROM ai_action_generate_text a JOIN ai_call_end e ON e.call_id = a.call_id WHERE e.state = 'completed' AND a.prompt LIKE 'say json-%%'"))
    return wrong + [f"{prompt!r}, asked under one key, was completed {n} times" for prompt, n in answered.items() if n > 1]


def tasks_end_once(db, run):
    """Each accepted task is there and has ended; a completed one has one result, any other none."""
    kept = {row[0]: row[1:] for row in rows(db, "SELECT t.uuid, t.state, t.completed_at, count(r.task_id), max(r.body) FROM workflow_task t "
                                                "LEFT JOIN workflow_task_result r ON r.task_id = t.id GROUP BY t.uuid, t.state, t.completed_at")}
    wrong = []
    for number, task in run.told.tasks.items():
        if number not in kept:
            wrong.append(f"task {number} was accepted and is not there")
        elif kept[number][0] not in ("completed", "failed", "timeout", "cancelled") or kept[number][1] == 0:
            wrong.append(f"task {number} has not ended: {kept[number][0]}")
        elif task["state"] not in ("queued", "running", kept[number][0]):
            wrong.append(f"task {number} was {task['state']} for its client, now it is {kept[number][0]}")
    for number, (state, _, results, body) in kept.items():
        if results != (state == "completed"):
            wrong.append(f"task {number} is {state} with {results} results")
    return wrong


def limits_hold(db, run):
    """No user has had more answers than the limit, nor has the AI service been asked for more in their name."""
    wrong = []
    asked = collections.Counter(found[1] for found in (re.search(r"limit (limited-\d+) ", text) for text in run.asked) if found)
    for user, n in {**run.told.limited, **asked}.items():
        n = max(asked[user], run.told.limited[user])
        if n > LIMIT:
            wrong.append(f"{user} may ask {LIMIT} times; the service was asked {asked[user]} times, {run.told.limited[user]} were answered")
    recorded = rows(db, "SELECT c.user_id, count(*) FROM ai_call c WHERE c.user_id LIKE 'limited-%%' AND EXISTS "
                        "(SELECT 1 FROM ai_call_attempt a WHERE a.call_id = c.id AND a.code NOT IN ('rate_limited', 'budget_exceeded')) GROUP BY c.user_id HAVING count(*) > %s", [LIMIT])
    return wrong + [f"{user} may ask {LIMIT} times; the register has {n}" for user, n in recorded]


def talks_are_kept(db, run):
    """Each acknowledged turn of a conversation is in its session, once."""
    kept = collections.Counter()
    for user, messages in rows(db, "SELECT s.user_id, m.messages FROM workflow_submission m JOIN workflow_session s ON s.id = m.session_id WHERE m.state = 'completed'"):
        for message in json.loads(messages):
            if message["role"] == "user":
                kept[user, message["content"]] += 1
    return [f"{what!r} of {user} was answered and is {kept[user, what]} times in the session" for user, what in run.told.turns if kept[user, what] != 1]


CHECKS = [answers_are_recorded, calls_end_once, tasks_end_once, limits_hold, talks_are_kept]

LATEST = "(SELECT e.call_id FROM ai_call_end e JOIN ai_call c ON c.id = e.call_id WHERE e.state = 'completed' AND c.user_id LIKE 'u%%' AND c.action = 'generate_text' ORDER BY 1 DESC LIMIT 1)"
PROOFS = [  # (check, what is done, statements)
    (answers_are_recorded, "an end is gone", [f"DELETE FROM ai_call_end WHERE call_id = {LATEST}"]),
    (answers_are_recorded, "a call is gone", [f"DELETE FROM ai_call WHERE id = {LATEST}"]),
    (answers_are_recorded, "a text is another", [f"UPDATE ai_action_generate_text SET generatedcontent = generatedcontent || '.' WHERE call_id = {LATEST}"]),
    (calls_end_once, "an end is there twice", ["ALTER TABLE ai_call_end DROP CONSTRAINT ai_call_end_pkey", f"INSERT INTO ai_call_end SELECT * FROM ai_call_end WHERE call_id = {LATEST}"]),
    (calls_end_once, "a call has no end", [f"DELETE FROM ai_call_end WHERE call_id = {LATEST}"]),
    (tasks_end_once, "a task is gone", ["DELETE FROM workflow_task WHERE state = 'completed'"]),
    (tasks_end_once, "a task waits again", ["UPDATE workflow_task SET state = 'queued', completed_at = 0 WHERE state = 'completed'"]),
    (tasks_end_once, "a task has changed its end", ["UPDATE workflow_task SET state = 'failed' WHERE state = 'completed'"]),
    (limits_hold, "a user's calls are another's, too", ["UPDATE ai_call SET user_id = 'limited-0' WHERE user_id LIKE 'u%%'"]),
    (talks_are_kept, "turns are gone", ["DELETE FROM workflow_submission"]),
]


def prove(db, run):
    """Checks that do not see a change that they should: sentences."""
    blind = []
    for check, what, statements in PROOFS:
        before = set(check(db, run))
        with db.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement.replace("%%", "%"))
        if set(check(db, run)) <= before:
            blind.append(f"{check.__name__} does not see that {what}")
        db.rollback()
    return blind


def effects(db, run):
    """How often the AI service was asked for a task: a task may be begun again when its process is lost, and is answered once."""
    asked = collections.Counter(found[0] for found in (re.search(r"task-\d+-\d+\b", text) for text in run.asked) if found)
    ended = collections.Counter(state for (state,) in rows(db, "SELECT state FROM workflow_task"))
    return dict(ended), dict(sorted(collections.Counter(asked.values()).items()))


def texts_of(record):
    """All that the AI service was sent in one request."""
    return json.dumps(record.get("body"))
