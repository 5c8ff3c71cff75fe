"""Calls at a pace of their own, whatever becomes of those before: pace.py PORT KEY CALLS_PER_SECOND SECONDS CONNECTIONS_MAX

Prints {"due", "statuses": {"200": n, …}, "unsent", "ms": [of each call that was answered 200]} as JSON. A call's time begins when it was due, so that one who
comes late because of those before counts as waiting. `unsent`: all connections were taken when it was due.
"""
import asyncio
import collections
import json
import sys
import time

BODY = json.dumps({"user": {"id": "u1", "roles": ["teacher"]}, "input": {"prompt": "Why is the sky blue?"}}).encode()


class Pace:
    def __init__(self, port, key, most):
        self.port, self.most, self.idle, self.taken = port, most, [], 0
        self.statuses, self.ms, self.unsent = collections.Counter(), [], 0
        self.request = (b"POST /v1/actions/generate_text HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s"
                        % (key.encode(), len(BODY), BODY))

    async def ask(self, due):
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(self.request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.split(b"\r\ncontent-length:", 1)[1].split(b"\r\n", 1)[0])
        await reader.readexactly(length)
        status = head.split()[1].decode()
        if status == "200":
            self.ms.append((time.perf_counter() - due) * 1000)
        self.statuses[status] += 1
        if b"\r\nconnection: close" in head:
            writer.close()
        else:
            self.idle.append((reader, writer))

    async def call(self, due):
        if self.taken == self.most:
            self.unsent += 1
            return
        self.taken += 1
        try:
            await asyncio.wait_for(self.ask(due), 60)
        except (OSError, EOFError, IndexError, asyncio.TimeoutError) as e:
            self.statuses[type(e).__name__] += 1
        finally:
            self.taken -= 1

    async def run(self, rate, seconds):
        begin, calls = time.perf_counter(), []
        for i in range(int(rate * seconds)):
            due = begin + i / rate
            await asyncio.sleep(max(0, due - time.perf_counter()))
            calls.append(asyncio.ensure_future(self.call(due)))
        await asyncio.gather(*calls)
        return {"due": len(calls), "statuses": self.statuses, "unsent": self.unsent, "ms": self.ms}


if __name__ == "__main__":
    port_, key_, rate_, seconds_, most_ = sys.argv[1:]
    print(json.dumps(asyncio.run(Pace(int(port_), key_, int(most_)).run(float(rate_), float(seconds_)))))
