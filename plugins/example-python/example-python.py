"""A plugin in any language: descriptor 3 brings connections, each for one call, with JSON in lines. Only the standard library."""
import json
import os
import re
import socket
import threading


def parrot(request, say):
    if request["config"]["api_key"] != "cracker":
        return {"code": "permission_denied", "detail": "the key is not the right one"}
    if "texts" in request["call"]:
        return {"code": "ok", "answer": {"model": "parrot-1", "vectors": [[len(t), t.count(" ")] for t in request["call"]["texts"]]}}
    said = request["call"]["messages"][-1]["content"]
    for word in re.findall(r"\S*\s*", said):
        say({"piece": word})
    return {"code": "ok", "answer": {"model": "parrot-1", "usage": {"prompt_tokens": len(said), "completion_tokens": len(said)}}}


COURSE = "course-v1:Example+Notes+2026"
NOTES = {"rain": ("Rain", "Clouds are drops of water. 12 of them make no rain."), "snow": ("Snow", "Snow falls below 0 degrees.")}


def unit(place):
    title, text = NOTES[place]
    return {"id": place, "category": "vertical", "display_name": title, "blocks": [{"id": place + "-text", "category": "html", "display_name": title, "text": text}]}


def notes(method, request):
    place = request["location_id"]
    if request["course_id"] != COURSE or (place and place not in NOTES):
        return {"code": "not_found", "detail": "there are no such notes"}
    if method == "course_info":
        return {"code": "ok", "answer": {"title": "Notes on water", "outline": [{"id": n, "display_name": NOTES[n][0], "depth": 0} for n in NOTES]}}
    if method == "location_link":
        return {"code": "ok", "answer": f"https://notes.example/{place}"}
    if method != "location_content" or not place:
        return {"code": "not_found", "detail": "no place is named"}
    every = list(NOTES)
    units = {"unit": [place], "up_to_current_unit": every[:every.index(place) + 1], "sequence": every}[request["mode"]]
    return {"code": "ok", "answer": {"sequence_id": "water", "sequence_name": "Water", "units": [unit(n) for n in units]}}


def orchestra(request, lines, say):
    """Asks the model what the user asked, and once more what its answer is in short."""
    def step(name, input):
        say({"ask": "step", "name": name, "input": input})
        return json.loads(lines.readline())

    text = request["input"]
    for _ in range(2):
        got = step("llm", {"text": text})
        if got["code"] != "ok":
            return {"code": got["code"], "detail": "the model did not answer"}
        text = got["answer"]["text"]
    return {"code": "ok", "answer": {"response": text, "status": "completed", "asked": request["action"]}}


def answer(request, lines, say):
    if request["name"] == "python_fault":
        os._exit(70)
    if request["kind"] == "provider":
        return parrot(request["request"], say)
    if request["kind"] == "connector":
        return notes(request["method"], request["request"])
    if request["kind"] == "orchestrator":
        return orchestra(request["request"], lines, say)
    return {"code": "ok", "answer": request["request"]["arguments"]["text"][::-1]}


def serve(connection):
    with connection, connection.makefile("rw", encoding="utf-8", newline="\n") as lines:
        def say(line):
            lines.write(json.dumps(line) + "\n")
            lines.flush()

        try:
            say(answer(json.loads(lines.readline()), lines, say))
        except BrokenPipeError:
            pass  # nobody waits for the answer any more
        except Exception as e:
            say({"code": "internal_error", "detail": f"{type(e).__name__}: {e}"})


def main():
    control = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=3)
    control.send(b'{"code":"ok"}')
    while True:
        packet, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not packet:
            return
        threading.Thread(target=serve, args=(socket.socket(fileno=descriptors[0]),), daemon=True).start()


main()
