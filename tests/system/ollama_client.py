"""
Calls with Ollama's own Python client at Lectern's door. See test_ollama_door.py.

    python ollama_client.py BASE_URL KEY        prints {case: "ok" or what was wrong}
"""
import asyncio
import base64
import json
import sys
import traceback

import ollama

BASE, KEY = sys.argv[1:]
MODEL, CHAT = "action:generate_text", "action:continue_conversation"
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==")
bearer = ollama.Client(host=BASE + "/ollama", headers={"Authorization": f"Bearer {KEY}"})
by_address = ollama.Client(host=f"{BASE}/ollama/{KEY}")


def user(text, **more):
    return {"role": "user", "content": text, **more}


def case_generate():
    for client in (bearer, by_address):
        answer = client.generate(model=MODEL, prompt="Why does it rain?", system="Be brief.", options={"temperature": 0.3, "num_ctx": 4096})
        assert answer.response and answer.done and answer.done_reason == "stop" and answer.eval_count > 0 and answer.total_duration > 0


def case_generate_streamed():
    pieces = list(bearer.generate(model=MODEL, prompt="Why?", stream=True))
    assert len(pieces) > 2 and [p.done for p in pieces] == [False] * (len(pieces) - 1) + [True]
    assert "".join(p.response for p in pieces)


def case_chat():
    answer = bearer.chat(model=CHAT, messages=[user("Why?")], think=False, keep_alive="1m")
    assert answer.message.role == "assistant" and answer.message.content and answer.model == CHAT


def case_chat_streamed():
    pieces = list(by_address.chat(model=CHAT, messages=[user("Why?")], stream=True))
    assert len(pieces) > 2 and pieces[-1].done and "".join(p.message.content for p in pieces)


def case_tools():
    def get_weather(city: str) -> str:
        """The weather.

        Args:
          city: where
        """
        return "Sunny in " + city

    messages = [user("call a tool")]
    answer = bearer.chat(model=CHAT, messages=messages, tools=[get_weather])
    assert answer.message.tool_calls and dict(answer.message.tool_calls[0].function.arguments)
    messages.append(answer.message)
    messages += [{"role": "tool", "content": "Sunny.", "tool_name": c.function.name} for c in answer.message.tool_calls]
    assert bearer.chat(model=CHAT, messages=messages, tools=[get_weather]).message.content


def case_format():
    answer = bearer.chat(model=CHAT, messages=[user("as JSON")], format={"type": "object"})
    assert isinstance(json.loads(answer.message.content), dict)


def case_images():
    assert bearer.chat(model=CHAT, messages=[user("What is it?", images=[PNG])]).message.content
    assert bearer.generate(model=CHAT, prompt="What is it?", images=[PNG]).response


def case_embed():
    assert len(bearer.embed(model="action:embed_text", input=["Rain.", "Snow."]).embeddings) == 2
    assert bearer.embeddings(model="action:embed_text", prompt="Rain.").embedding


def case_list():
    names = [m.model for m in bearer.list().models]
    assert MODEL in names and CHAT in names and all(m.modified_at and m.details.families is not None for m in bearer.list().models)


def case_show():
    assert "tools" in bearer.show(CHAT).capabilities


def case_ps():
    assert list(bearer.ps().models) == []


def case_load():
    assert bearer.generate(model=MODEL).done_reason == "load"


def case_errors():
    for client, model, status in [(bearer, "action:no_such", 404), (bearer, "a-vendors-model", 403),
                                  (ollama.Client(host=BASE + "/ollama"), MODEL, 401), (ollama.Client(host=f"{BASE}/ollama/lk_wrong"), MODEL, 401)]:
        for stream in (False, True):
            try:
                list(client.chat(model=model, messages=[user("Why?")], stream=stream))
            except ollama.ResponseError as e:
                assert e.status_code == status and e.error and "{" not in e.error
            else:
                raise AssertionError(f"{model} was answered")


def case_async():
    async def ask():
        client = ollama.AsyncClient(host=f"{BASE}/ollama/{KEY}")
        return [p async for p in await client.chat(model=CHAT, messages=[user("Why?")], stream=True)]

    assert asyncio.run(ask())[-1].done


results = {}
for name, case in list(globals().items()):
    if name.startswith("case_"):
        try:
            case()
            results[name] = "ok"
        except Exception:
            results[name] = traceback.format_exc()
print(json.dumps(results))
