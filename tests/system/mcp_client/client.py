"""python client.py URL KEY: the official Python client against /mcp, in each of its ways. Prints {case: "" or what was wrong}."""
import asyncio
import json
import os
import sys
import traceback

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError

URL, KEY = sys.argv[1:3]
INPUT = {"text": "Plants make sugar from light. They take water."}


class Connection:
    def __init__(self, mode, key=KEY):
        self.http = httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60)
        self.client = Client(streamable_http_client(URL, http_client=self.http), mode=mode)

    async def __aenter__(self):
        await self.http.__aenter__()
        return await self.client.__aenter__()

    async def __aexit__(self, *why):
        try:
            return await self.client.__aexit__(*why)
        finally:
            await self.http.__aexit__(*why)


async def connects(mode, version):
    async with Connection(mode) as client:
        assert client.protocol_version == version, client.protocol_version
        if mode != version:  # pinned, it asks nobody
            assert client.server_info.name == "lectern" and client.server_capabilities.tools is not None and client.instructions


async def lists_and_calls(mode, version):
    async with Connection(mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools["summarise_text"].output_schema and tools["get_course_info"].annotations.read_only_hint
        found = await client.call_tool("summarise_text", INPUT)
        assert not found.is_error and found.structured_content["generated_content"], found


async def progress(mode, version):
    seen = []

    async def heard(done, total, text):
        seen.append(done)
    async with Connection(mode) as client:
        found = await client.call_tool("generate_text", {"prompt": "slow"}, progress_callback=heard)
        assert not found.is_error and len(seen) >= 2 and seen == sorted(set(seen)), seen


async def cancels(mode, version):
    async with Connection(mode) as client:
        going = asyncio.Event()

        async def heard(done, total, text):
            going.set()
        call = asyncio.create_task(client.call_tool("generate_text", {"prompt": "endless cancelled"}, progress_callback=heard))
        await asyncio.wait_for(going.wait(), 30)
        call.cancel()
        try:
            await call
        except asyncio.CancelledError:
            pass
        assert (await client.list_tools()).tools


async def errors(mode, version):
    async with Connection(mode) as client:
        found = await client.call_tool("summarise_text", {})
        assert found.is_error and found.content[0].text.startswith("text: "), found
        try:
            await client.call_tool("no_such", {})
            raise AssertionError("no error")
        except MCPError as e:
            assert e.code == -32602 and "Unknown tool" in e.message, (e.code, e.message)


async def strangers(mode, version):
    try:
        async with Connection(mode, "lk_nobody") as client:
            await client.list_tools()
    except Exception:
        said = traceback.format_exc()
        assert "this key is not known" in said, said
        return
    raise AssertionError("let in")


async def main():
    results = {}
    for mode, version in (("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28"), ("auto", "2026-07-28")):
        for case in (connects, lists_and_calls, progress, cancels, errors, strangers):
            try:
                await asyncio.wait_for(case(mode, version), 60)
                results[f"{mode}: {case.__name__}"] = ""
            except BaseException:
                results[f"{mode}: {case.__name__}"] = traceback.format_exc()[-3000:]
    print(json.dumps(results), flush=True)
    os._exit(0)  # what the package leaves behind of a connection that was refused keeps the loop from ending


asyncio.run(main())
