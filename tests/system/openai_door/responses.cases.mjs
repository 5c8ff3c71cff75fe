// The Responses API: answers, events, threads that Lectern keeps. "local" is the double as Ollama, which keeps none.
const FIND = { type: 'function', name: 'find_unit', strict: true, parameters: {
  type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'], additionalProperties: false } };
const NOW = { type: 'function', name: 'now', strict: false, parameters: { type: 'object', properties: {} } };
const SCHEMA = { type: 'object', properties: { answer: { type: 'string' }, sure: { type: 'boolean' } }, required: ['answer', 'sure'],
                additionalProperties: false };
const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export default ({ assert, client, keys, url, control, throws, eventually, TEXT }) => {
  const ai = client();
  const behaveAs = (body) => fetch(`${control}/control`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
  const requests = async () => (await (await fetch(`${control}/control/requests`)).json()).requests;
  const behave = (scenario) => behaveAs({ default: scenario });
  const next = (...scenarios) => behaveAs({ queue: scenarios });

  const ask = (more = {}, options = {}) => ai.responses.create({ model: 'vendor/m', input: 'Why does it rain?', ...more }, options);
  const stream = (more = {}, options = {}) => ai.responses.stream({ model: 'vendor/m', input: 'Why does it rain?', ...more }, options);
  // The stream helper leaves output_text out.
  const said = (response) => response.output.flatMap((o) => o.content ?? []).map((c) => c.text).join('');
  // What the service got last, without instructions.
  const talk = async () => (await requests()).at(-1).body.messages.filter((m) => m.role !== 'system').map((m) => [m.role, m.content]);

  // The service that keeps no threads, added once.
  const local = fetch(url.replace('/openai/v1', '/v1/providers'), {
    method: 'POST', headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${keys.admin}` },
    body: JSON.stringify({ name: 'local', plugin: 'ollama', config: { endpoint: control, model: 'm' } }) });

  const refused = async (code, ...rest) => assert.equal((await throws(...rest)).code, code);

  const cases = {
  async 'create'() {
    const got = await ask({ metadata: { unit: '7' }, user: 'u1' });
    assert.equal(got.object, 'response');
    assert.equal(got.status, 'completed');
    assert.equal(got.output_text, TEXT);
    assert.equal(got.usage.total_tokens, 579);
    assert.equal(got.usage.input_tokens_details.cached_tokens, 4);
    assert.deepEqual(got.metadata, { unit: '7' });
    assert.ok(got._request_id);
  },
  async 'create with a list of items'() {
    const got = await ask({ instructions: 'Be short.', input: [
      { role: 'developer', content: 'Be kind.' }, { role: 'user', content: [{ type: 'input_text', text: 'What?' }, { type: 'input_image', detail: 'auto', image_url: PNG }] }] });
    assert.equal(got.output_text, TEXT);
    const { messages } = (await requests()).at(-1).body;
    assert.deepEqual(messages.map((m) => m.role), ['system', 'system', 'user']);
    assert.equal(messages[2].content[1].image_url.url, PNG);
  },
  async 'retrieve'() {
    const made = await ask();
    const got = await ai.responses.retrieve(made.id);
    assert.deepEqual({ ...got }, { ...made });
    assert.equal(got.output_text, TEXT);
  },
  async 'delete'() {
    const made = await ask();
    const gone = await ai.responses.delete(made.id);
    assert.ok(gone === undefined || gone.deleted === true);
    await throws(ai.responses.retrieve(made.id), 'NotFoundError', 404);
    await throws(ai.responses.delete(made.id), 'NotFoundError', 404);
  },
  async 'input items, page by page'() {
    const texts = Array.from({ length: 45 }, (_, i) => `m${i}`);
    const made = await ask({ input: texts.map((content) => ({ role: 'user', content })) });
    for (const order of ['asc', 'desc']) {
      const got = [];
      for await (const item of ai.responses.inputItems.list(made.id, { order, limit: 10 })) got.push(item.content[0].text);
      assert.deepEqual(got, order === 'asc' ? texts : texts.toReversed?.() ?? [...texts].reverse());
    }
    const page = await ai.responses.inputItems.list(made.id, { limit: 5 });
    assert.equal(page.data.length, 5);
    assert.equal(page.has_more, true);
  },
  async 'the stream helper puts the answer together'() {
    await behave('chunks?n=7');
    const runner = stream();
    const seen = [];
    runner.on('response.output_text.delta', (event) => seen.push(event.snapshot));
    const got = await runner.finalResponse();
    assert.equal(seen.length, 7);
    assert.equal(seen.at(-1), said(got));
    assert.equal(got.status, 'completed');
    assert.deepEqual(got.output.map((o) => o.id), (await ai.responses.retrieve(got.id)).output.map((o) => o.id));
  },
  async 'events come in order and are numbered'() {
    const kinds = [];
    await behave('chunks?n=3');
    for await (const event of await ask({ stream: true })) {
      assert.equal(event.sequence_number, kinds.length);
      kinds.push(event.type);
    }
    for (const n of [1, 2]) assert.equal(kinds.splice(4, 1)[0], 'response.output_text.delta', `piece ${n}`);
    assert.deepEqual(kinds, ['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added',
                             'response.output_text.delta', 'response.output_text.done', 'response.content_part.done', 'response.output_item.done',
                             'response.completed']);
  },
  async 'a thread of five turns, with a service that keeps none'() {
    let previous = null;
    const expected = [];
    for (let turn = 0; turn < 5; turn++) {
      await behave(`ok?text=Answer+${turn}.`);
      const got = await ask({ model: 'local/m', input: `Question ${turn}?`, previous_response_id: previous });
      assert.equal(got.output_text, `Answer ${turn}.`);
      assert.equal(got.previous_response_id, previous);
      expected.push(['user', `Question ${turn}?`]);
      assert.deepEqual(await talk(), expected);
      expected.push(['assistant', got.output_text]);
      previous = got.id;
    }
  },
  async 'a thread of five streamed turns'() {
    let previous = null;
    for (let turn = 0; turn < 5; turn++) {
      await behave(`ok?text=Answer+${turn}.`);
      const got = await stream({ model: 'local/m', input: `Question ${turn}?`, previous_response_id: previous }).finalResponse();
      assert.equal(said(got), `Answer ${turn}.`);
      previous = got.id;
    }
    assert.equal((await talk()).length, 9);
  },
  async 'instructions are not inherited'() {
    const first = await ask({ instructions: 'Rhyme.' });
    assert.equal(first.instructions, 'Rhyme.');
    const second = await ask({ previous_response_id: first.id });
    assert.equal(second.instructions, null);
    assert.ok((await requests()).at(-1).body.messages.every((m) => m.role !== 'system'));
  },
  async 'functions between the turns of a thread'() {
    for (const model of ['vendor/m', 'local/m']) {
      await next('tool_calls');
      const first = await ask({ model, tools: [FIND, NOW] });
      const calls = first.output.filter((o) => o.type === 'function_call');
      assert.deepEqual(calls.map((c) => [c.name, JSON.parse(c.arguments || '{}')]), [['find_unit', { topic: 'water' }], ['now', {}]]);
      const second = await ask({ model, tools: [FIND, NOW], previous_response_id: first.id,
                                 input: calls.map((c) => ({ type: 'function_call_output', call_id: c.call_id, output: '{"unit":7}' })) });
      assert.equal(second.output_text, TEXT);
      const third = await ask({ model, previous_response_id: second.id, input: 'Thanks.' });
      assert.equal(third.output_text, TEXT);
      assert.deepEqual((await talk()).map(([role]) => role), ['user', 'assistant', 'tool', 'tool', 'assistant', 'user']);
    }
  },
  async 'functions as events'() {
    await behave('tool_calls');
    const got = await stream({ tools: [FIND, NOW] }).finalResponse();
    assert.deepEqual(got.output.map((o) => [o.type, o.name]), [['function_call', 'find_unit'], ['function_call', 'now']]);
    assert.deepEqual(JSON.parse(got.output[0].arguments), { topic: 'water' });
  },
  async 'items of an answer go back as they are'() {
    const first = await ask({ store: false });
    await ask({ input: [{ role: 'user', content: 'Why does it rain?' }, ...first.output, { role: 'user', content: 'And snow?' }] });
    assert.deepEqual(await talk(), [['user', 'Why does it rain?'], ['assistant', TEXT], ['user', 'And snow?']]);
  },
  async 'items are referred to'() {
    const first = await ask();
    await ask({ input: [{ type: 'item_reference', id: first.output[0].id }, { role: 'user', content: 'Why?' }] });
    assert.deepEqual(await talk(), [['assistant', TEXT], ['user', 'Why?']]);
  },
  async 'parse an answer of a form'() {
    await behave('schema');
    const got = await ai.responses.parse({ model: 'vendor/m', input: 'Why does it rain?',
                                               text: { format: { type: 'json_schema', name: 'answer', schema: SCHEMA, strict: true } } });
    assert.equal(typeof got.output_parsed.answer, 'string');
    assert.equal(typeof got.output_parsed.sure, 'boolean');
  },
  async 'a JSON object'() {
    await behave('schema');
    assert.equal(typeof JSON.parse((await ask({ input: 'Answer in JSON.', text: { format: { type: 'json_object' } } })).output_text), 'object');
  },
  async 'what is not stored cannot be gone on from'() {
    const made = await ask({ store: false });
    assert.equal(made.store, false);
    await throws(ai.responses.retrieve(made.id), 'NotFoundError', 404);
    await refused('previous_response_not_found', ask({ previous_response_id: made.id }), 'BadRequestError', 400);
  },
  async 'a cut answer'() {
    await behave('length');
    const got = await ask({ max_output_tokens: 16 });
    assert.equal(got.status, 'incomplete');
    assert.equal(got.incomplete_details.reason, 'max_output_tokens');
    const kinds = [];
    for await (const event of await ask({ stream: true })) kinds.push(event.type);
    assert.equal(kinds.at(-1), 'response.incomplete');
  },
  async 'an answer that breaks off'() {
    await behave('reset_mid?n=3');
    let last;
    for await (const event of await ask({ stream: true })) last = event;
    assert.equal(last.type, 'response.failed');
    assert.equal(last.response.error.code, 'server_error');
    assert.equal((await ai.responses.retrieve(last.response.id)).status, 'failed');
  },
  async 'errors'() {
    await refused('model_not_found', ask({ model: 'nobody/m' }), 'NotFoundError', 404);
    await throws(ask({ tools: [{ type: 'web_search' }] }), 'BadRequestError', 400);
    const error = await throws(ask({ input: [{ role: 'user', content: 'x' }, { role: 'robot', content: 'x' }] }), 'BadRequestError', 400);
    assert.equal(error.param, 'input[1].role');
    assert.equal(error.type, 'invalid_request_error');
    await throws(ask({ background: true }), 'BadRequestError', 400);
    await throws(ai.responses.retrieve('resp_nobody'), 'NotFoundError', 404);
    await throws(client('lk_nobody').responses.create({ model: 'vendor/m', input: 'x' }), 'AuthenticationError', 401);
    for (const streamed of [false, true]) {
      await behave('429');
      await throws(ask({ stream: streamed }), 'RateLimitError', 429);
      await behave('500');
      await throws(ask({ stream: streamed }), 'InternalServerError');
    }
  },
  async 'abort of a stream'() {
    await behave('endless');
    const abort = new AbortController();
    let id;
    const pieces = [];
    for await (const event of await ask({ stream: true }, { signal: abort.signal })) {
      if (event.type === 'response.created') id = event.response.id;
      if (event.type === 'response.output_text.delta' && pieces.push(event.delta) === 3) abort.abort();
    }
    await eventually(async () => (await requests()).at(-1).closed_early, 'the end upstream did not come');
    const kept = await eventually(async () => {
      const got = await ai.responses.retrieve(id);
      return got.status !== 'in_progress' && got;
    }, 'the answer did not end');
    assert.equal(kept.status, 'cancelled');
    assert.ok(kept.output_text.startsWith(pieces.join('')));
  },
  async 'abort of a call that waits'() {
    await behave('stall');
    const abort = new AbortController();
    const made = ask({}, { signal: abort.signal });
    await eventually(async () => (await requests()).length > 0, 'the request did not come');
    abort.abort();
    await throws(made, 'APIUserAbortError');
    await eventually(async () => (await requests()).at(-1).closed_early, 'the end upstream did not come');
  },
  async 'cancel'() {
    await behave('endless');
    let id, last;
    for await (const event of await ask({ stream: true })) {
      if (event.type === 'response.created') id = event.response.id;
      if (event.type === 'response.output_text.delta' && id) {
        const cancelled = await ai.responses.cancel(id);
        assert.equal(cancelled.status, 'cancelled');
        id = null;
      }
      last = event;
    }
    assert.equal(last.type, 'response.incomplete');
    assert.equal(last.response.status, 'cancelled');
    await behave('ok');
    await throws(ai.responses.cancel((await ask()).id), 'BadRequestError', 400);
  },
  };

  // The double is as it was, before and after.
  const tidy = (run) => async () => {
    await local;
    await behaveAs({ clear: true, default: 'ok' });
    await run().finally(() => behaveAs({ clear: true, default: 'ok' }));
  };
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, tidy(run)]));
};
