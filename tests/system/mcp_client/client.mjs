// node client.mjs URL KEYS: the official client of the Model Context Protocol against the server at URL. KEYS: JSON {admin, student, other, course}.
// Prints one JSON object, name of a case → "" or what was wrong.
import assert from 'node:assert/strict';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [url, text] = process.argv.slice(2);
const keys = JSON.parse(text);
const INPUT = { text: 'Plants make sugar from light. They take water.' };

async function connect(key = keys.admin, more = {}) {
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    requestInit: { headers: { Authorization: `Bearer ${key}`, ...(more.headers ?? {}) } },
    reconnectionOptions: { initialReconnectionDelay: 50, maxReconnectionDelay: 200, reconnectionDelayGrowFactor: 1, maxRetries: 3 },
    ...(more.fetch ? { fetch: more.fetch } : {}),
  });
  const client = new Client({ name: 'lectern-test', version: '1' });
  const errors = [];
  client.onerror = (e) => errors.push(e.message);
  await client.connect(transport);
  return { client, transport, errors };
}

async function using(key, run, more) {
  const it = await connect(key, more);
  try {
    await run(it.client, it);
  } finally {
    await it.client.close();
  }
}

const cases = {
  async 'connects, and is told who answers'() {
    await using(keys.admin, async (client, { transport, errors }) => {
      assert.equal(client.getServerVersion().name, 'lectern');
      assert.deepEqual(client.getServerCapabilities(), { tools: {} });
      assert.match(client.getInstructions(), /course_id/);
      assert.match(transport.sessionId, /^[0-9a-f-]{36}$/);
      assert.equal(transport.protocolVersion, '2025-11-25');
      await client.ping();
      await transport.terminateSession();
      assert.deepEqual(errors, []);
    });
  },
  async 'lists tools whose schemas it compiles, and calls one that is checked by them'() {
    await using(keys.admin, async (client) => {
      const { tools } = await client.listTools();
      assert.ok(tools.some((t) => t.name === 'summarise_text' && t.outputSchema && t.annotations.readOnlyHint));
      const got = await client.callTool({ name: 'summarise_text', arguments: { ...INPUT, course_id: keys.course } });
      assert.equal(got.isError, false);
      assert.equal(got.structuredContent.generated_content, JSON.parse(got.content[0].text).generated_content);
      assert.ok(got.structuredContent.generated_content.length > 10);
    });
  },
  async 'searches a course, and is refused where its user may not'() {
    await using(keys.admin, async (client) => {
      const { tools } = await client.listTools();
      assert.ok(tools.find((t) => t.name === 'search_course').inputSchema.properties.course_id);
      const got = await client.callTool({ name: 'search_course', arguments: { query: 'Why do leaves look green to us?', course_id: keys.course } });
      assert.equal(got.isError, false);
      const [first] = JSON.parse(got.content[0].text.split('Passages: ')[1]);
      assert.deepEqual([first.unit_id, first.block_id], ['plants', 'plants-text']);
    });
    await using(keys.student, async (client) => {
      const got = await client.callTool({ name: 'search_course', arguments: { query: 'leaves', course_id: keys.course } });
      assert.equal(got.isError, true);
      assert.match(got.content[0].text, /search_course/);
    });
  },
  async 'is told how a call goes on'() {
    await using(keys.admin, async (client) => {
      const seen = [];
      const got = await client.callTool({ name: 'generate_text', arguments: { prompt: 'slow' } }, undefined,
                                        { onprogress: (p) => seen.push(p.progress), resetTimeoutOnProgress: true });
      assert.equal(got.isError, false);
      assert.ok(seen.length >= 2, String(seen));
      assert.deepEqual(seen, [...new Set(seen)].sort((a, b) => a - b));
    });
  },
  async 'cancels a call'() {
    await using(keys.admin, async (client, { errors }) => {
      const stop = new AbortController();
      const call = client.callTool({ name: 'generate_text', arguments: { prompt: 'endless cancelled' } }, undefined,
                                   { signal: stop.signal, onprogress: () => stop.abort('enough') });
      await assert.rejects(call, /enough/);
      await client.ping();
      assert.deepEqual(errors.filter((m) => !/unknown (message ID|token)/.test(m)), []);
    });
  },
  async 'comes back to a stream that broke'() {
    const made = [];
    const broken = async (address, init) => {
      const response = await fetch(address, init);
      made.push(init.method ?? 'GET');
      if (init.method !== 'POST' || !String(init.body).includes('tools/call')) return response;
      const reader = response.body.getReader();
      const first = await reader.read();
      const body = new ReadableStream({
        start(c) { c.enqueue(first.value); },
        async pull(c) { await reader.cancel(); c.error(new Error('the network went away')); },
      });
      return new Response(body, { status: response.status, headers: response.headers });
    };
    await using(keys.admin, async (client) => {
      const got = await client.callTool({ name: 'generate_text', arguments: { prompt: 'chunks' } });
      assert.equal(got.isError, false);
      assert.ok(made.filter((m) => m === 'GET').length >= 2, String(made)); // at the beginning (405), and to come back
    }, { fetch: broken });
  },
  async 'reads why a call failed'() {
    await using(keys.admin, async (client) => {
      const wrong = await client.callTool({ name: 'summarise_text', arguments: {} });
      assert.equal(wrong.isError, true);
      assert.match(wrong.content[0].text, /^text: /);
      await assert.rejects(client.callTool({ name: 'no_such', arguments: {} }), (e) => e.code === -32602 && /Unknown tool/.test(e.message));
      await assert.rejects(client.listTools({ cursor: 'x' }), (e) => e.code === -32602);
      await assert.rejects(client.listResources(), /resources|Method not found/);
    });
  },
  async 'has the tools of its role and site'() {
    const names = async (key) => { let got; await using(key, async (c) => { got = (await c.listTools()).tools.map((t) => t.name); }); return got; };
    const [admin, student, other] = [await names(keys.admin), await names(keys.student), await names(keys.other)];
    assert.ok(student.length < admin.length && student.every((n) => admin.includes(n)), `${student} ${admin}`);
    assert.ok(!other.includes('summarise_text') && admin.includes('summarise_text'));
  },
  async 'is not let in without a key'() {
    await assert.rejects(connect('lk_nobody'), (e) => e.code === 401 || /401|Unauthorized/.test(e.message));
  },
  async 'is refused as a page of a stranger'() {
    await assert.rejects(connect(keys.admin, { headers: { Origin: 'https://evil.example' } }), /403|cors_origins/);
  },
  async 'asks for many things at once'() {
    await using(keys.admin, async (client) => {
      const all = await Promise.all(Array.from({ length: 8 }, (_, i) => i % 2
        ? client.callTool({ name: 'summarise_text', arguments: INPUT }) : client.listTools()));
      assert.ok(all.every((got) => got.tools || got.isError === false));
    });
  },
};

const results = {};
for (const [name, run] of Object.entries(cases)) {
  try {
    await run();
    results[name] = '';
  } catch (e) {
    results[name] = e.stack ?? String(e);
  }
}
console.log(JSON.stringify(results));
process.exit(0);
