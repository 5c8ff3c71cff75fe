// node client.mjs URL KEY: the official OpenAI client against the double at URL. Prints one JSON object, name of a case → "" or what was wrong.
import assert from 'node:assert/strict';
import OpenAI from 'openai';

const [url, apiKey] = process.argv.slice(2);
const client = new OpenAI({ baseURL: url, apiKey, maxRetries: 0, timeout: 30_000 });
const TEXT = 'The water cycle moves water between sea, air and land.';
const USER = [{ role: 'user', content: 'Why does it rain?' }];
const TOOL = { name: 'find_unit', parameters: { type: 'object', properties: { topic: { type: 'string' } }, required: ['topic'],
                                               additionalProperties: false } };
const SCHEMA = { type: 'object', properties: { answer: { type: 'string' }, sure: { type: 'boolean' } }, required: ['answer', 'sure'],
                additionalProperties: false };
const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const as = (scenario) => ({ headers: { 'X-Double-Scenario': scenario } });
const chat = (scenario, more = {}) => client.chat.completions.create({ model: 'm', messages: USER, ...more }, as(scenario));
const chatStream = (scenario, more = {}) => client.chat.completions.stream({ model: 'm', messages: USER, stream_options: { include_usage: true },
                                                                            ...more }, as(scenario));
const respond = (scenario, more = {}) => client.responses.create({ model: 'm', input: 'Why does it rain?', ...more }, as(scenario));
const respondStream = (scenario, more = {}) => client.responses.stream({ model: 'm', input: 'Why does it rain?', ...more }, as(scenario));
const chatTools = { tools: [{ type: 'function', function: TOOL }] };
const responseTools = { tools: [{ type: 'function', ...TOOL, strict: true }] };

// The stream helper leaves output_text out.
const said = (response) => response.output.flatMap((o) => o.content ?? []).map((c) => c.text).join('');

async function throws(promise, kind, status) {
  const error = await promise.then(() => assert.fail('no error'), (e) => e);
  assert.equal(error.constructor.name, kind, `${error.constructor.name}: ${error.message}`);
  if (status) assert.equal(error.status, status);
  return error;
}

const WAYS = ['ok', 'one_byte', 'together', 'crlf', 'comments', 'drip?bytes=5&byte_ms=0&text=' + encodeURIComponent(TEXT), 'comments+crlf+one_byte'];

const cases = {
  async 'chat'() {
    const got = await chat('ok');
    assert.equal(got.object, 'chat.completion');
    assert.equal(got.choices[0].message.content, TEXT);
    assert.equal(got.choices[0].finish_reason, 'stop');
    assert.equal(got.usage.total_tokens, 579);
    assert.equal(got.usage.prompt_tokens_details.cached_tokens, 4);
  },
  async 'chat stream, however it is cut'() {
    for (const way of WAYS) {
      const got = await chatStream(way).finalChatCompletion();
      assert.equal(got.choices[0].message.content, TEXT, way);
      assert.equal(got.usage.total_tokens, 579, way);
    }
  },
  async 'chat stream without usage'() {
    const chunks = [];
    for await (const chunk of await client.chat.completions.create({ model: 'm', messages: USER, stream: true }, as('ok'))) chunks.push(chunk);
    assert.equal(chunks.map((c) => c.choices[0].delta.content ?? '').join(''), TEXT);
    assert.ok(chunks.every((c) => !c.usage));
  },
  async 'chat tools, call and result'() {
    for (const streamed of [false, true]) {
      const first = streamed ? await chatStream('tool_calls', chatTools).finalChatCompletion() : await chat('tool_calls', chatTools);
      const message = first.choices[0].message;
      assert.equal(first.choices[0].finish_reason, 'tool_calls');
      assert.deepEqual(message.tool_calls.map((t) => [t.function.name, JSON.parse(t.function.arguments)]),
                       [['find_unit', { topic: 'water' }], ['now', {}]]);
      const results = message.tool_calls.map((t) => ({ role: 'tool', tool_call_id: t.id, content: 'Unit 3' }));
      const calls = message.tool_calls.map(({ id, type, function: f }) => ({ id, type, function: { name: f.name, arguments: f.arguments } }));
      const second = await chat('tool_calls', { ...chatTools, messages: [...USER, { role: 'assistant', content: null, tool_calls: calls },
                                                                         ...results] });
      assert.equal(second.choices[0].message.content, TEXT);
    }
  },
  async 'chat schema'() {
    const response_format = { type: 'json_schema', json_schema: { name: 'reply', schema: SCHEMA, strict: true } };
    const got = await client.chat.completions.parse({ model: 'm', messages: USER, response_format }, as('schema'));
    assert.deepEqual(JSON.parse(got.choices[0].message.content), { answer: 'rain', sure: true });
  },
  async 'chat image'() {
    const content = [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: PNG } }];
    assert.equal((await chat('image', { messages: [{ role: 'user', content }] })).choices[0].message.content, 'A lighthouse on a rock.');
  },
  async 'chat refusal, length, filter'() {
    assert.equal((await chat('refusal')).choices[0].message.refusal, 'I cannot help with that.');
    assert.equal((await chatStream('refusal').finalChatCompletion()).choices[0].message.refusal, 'I cannot help with that.');
    assert.equal((await chat('length')).choices[0].finish_reason, 'length');
    assert.equal((await chat('content_filter')).choices[0].finish_reason, 'content_filter');
    await throws(chatStream('length').finalChatCompletion().then((c) => assert.equal(c.choices[0].finish_reason, 'stop')), 'AssertionError');
  },
  async 'responses'() {
    const got = await respond('ok', { instructions: 'Be brief.' });
    assert.equal(got.object, 'response');
    assert.equal(got.status, 'completed');
    assert.equal(got.output_text, TEXT);
    assert.equal(got.instructions, 'Be brief.');
    assert.equal(got.usage.total_tokens, 579);
  },
  async 'responses stream, however it is cut'() {
    for (const way of WAYS) {
      const numbers = [];
      const stream = respondStream(way);
      let text = '';
      for await (const event of stream) {
        numbers.push(event.sequence_number);
        if (event.type === 'response.output_text.delta') text += event.delta;
      }
      assert.deepEqual(numbers, numbers.map((_, i) => i), way);
      assert.equal(text, TEXT, way);
      assert.equal(said(await stream.finalResponse()), TEXT, way);
    }
  },
  async 'responses tools, call and result'() {
    for (const streamed of [false, true]) {
      const first = streamed ? await respondStream('tool_calls', responseTools).finalResponse() : await respond('tool_calls', responseTools);
      assert.deepEqual(first.output.map((o) => [o.type, o.name, JSON.parse(o.arguments)]),
        [['function_call', 'find_unit', { topic: 'water' }], ['function_call', 'now', {}]]);
      const input = first.output.map((o) => ({ type: 'function_call_output', call_id: o.call_id, output: 'Unit 3' }));
      const second = await respond('tool_calls', { ...responseTools, previous_response_id: first.id, input });
      assert.equal(second.output_text, TEXT);
    }
  },
  async 'responses schema'() {
    const got = await respond('schema', { text: { format: { type: 'json_schema', name: 'reply', schema: SCHEMA, strict: true } } });
    assert.deepEqual(JSON.parse(got.output_text), { answer: 'rain', sure: true });
  },
  async 'responses image'() {
    const content = [{ type: 'input_text', text: 'What is this?' }, { type: 'input_image', image_url: PNG, detail: 'auto' }];
    assert.equal((await respond('image', { input: [{ role: 'user', content }] })).output_text, 'A lighthouse on a rock.');
  },
  async 'responses refusal, incomplete, reasoning, failed'() {
    assert.equal((await respond('refusal')).output[0].content[0].refusal, 'I cannot help with that.');
    assert.equal((await respondStream('refusal').finalResponse()).output[0].content[0].refusal, 'I cannot help with that.');
    const length = await respond('length');
    assert.deepEqual([length.status, length.incomplete_details.reason], ['incomplete', 'max_output_tokens']);
    const think = await respond('think');
    assert.deepEqual([think.output[0].type, think.output_text], ['reasoning', TEXT]);
    assert.equal(said(await respondStream('think').finalResponse()), TEXT);
    assert.equal((await respond('failed')).error.code, 'server_error');
  },
  async 'responses memory'() {
    const one = await respond('ok', { input: 'first question' });
    const two = await respond('echo', { previous_response_id: one.id, input: [{ role: 'user', content: 'second question' }] });
    assert.equal(two.output_text, 'second question');
    assert.equal(two.previous_response_id, one.id);
    assert.equal((await client.responses.retrieve(two.id)).output_text, 'second question');
    const items = [];
    for await (const item of client.responses.inputItems.list(one.id, { order: 'asc', limit: 1 })) items.push(item);
    assert.deepEqual(items.map((i) => [i.role, i.content[0].type, i.content[0].text]), [['user', 'input_text', 'first question']]);
    const many = await respond('ok', { input: [1, 2, 3, 4, 5].map((n) => ({ role: 'user', content: `q${n}` })) });
    const texts = [];
    for await (const item of client.responses.inputItems.list(many.id, { limit: 2 })) texts.push(item.content[0].text);
    assert.deepEqual(texts, ['q5', 'q4', 'q3', 'q2', 'q1']);
    await throws(respond('ok', { previous_response_id: 'resp_nowhere' }), 'BadRequestError', 400);
    const unkept = await respond('ok', { store: false });
    await throws(client.responses.retrieve(unkept.id), 'NotFoundError', 404);
    await client.responses.delete(one.id);
    await throws(client.responses.retrieve(one.id), 'NotFoundError', 404);
  },
  async 'embeddings'() {
    const input = ['Rain falls.', 'La lluvia cae.'];
    const packed = await client.embeddings.create({ model: 'e', input }); // the client asks for base64 and unpacks it
    const plain = await client.embeddings.create({ model: 'e', input, encoding_format: 'float', dimensions: 16 });
    assert.deepEqual(packed.data.map((d) => d.index), [0, 1]);
    assert.equal(plain.data[0].embedding.length, 16);
    assert.deepEqual(Array.from(packed.data[1].embedding), plain.data[1].embedding.slice(0, 8));
    assert.equal(packed.usage.prompt_tokens, 8);
  },
  async 'models'() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes('double') && names.includes('gpt-4o'));
  },
  async 'errors by status'() {
    const kinds = { 400: 'BadRequestError', 401: 'AuthenticationError', 403: 'PermissionDeniedError', 404: 'NotFoundError',
                   422: 'UnprocessableEntityError',
      429: 'RateLimitError', 500: 'InternalServerError', 503: 'InternalServerError', 529: 'InternalServerError' };
    for (const [code, kind] of Object.entries(kinds))
      for (const ask of [chat, respond]) {
        const error = await throws(ask(`status?code=${code}`), kind, Number(code));
        assert.ok(error.message.length > 4 && error.error.message, error.message);
        await throws(ask(`status?code=${code}`, { stream: true }), kind, Number(code));
      }
    assert.equal((await throws(chat('429'), 'RateLimitError')).headers.get('retry-after'), '7');
    assert.equal((await throws(chat('404'), 'NotFoundError')).code, 'model_not_found');
    assert.equal((await throws(chat('context_window'), 'BadRequestError')).code, 'context_length_exceeded');
    await throws(new OpenAI({ baseURL: url, apiKey: 'wrong-key-1', maxRetries: 0 }).models.list(), 'AuthenticationError', 401);
  },
  async 'errors of requests'() {
    const error = await throws(chat('ok', { nonsense: 1 }), 'BadRequestError', 400);
    assert.equal(error.param, 'nonsense');
    await throws(chat('ok', { messages: [] }), 'BadRequestError', 400);
    await throws(chat('ok', { messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] }), 'BadRequestError', 400);
    await throws(respond('ok', { stop: ['x'] }), 'BadRequestError', 400);
  },
  async 'errors in mid-stream'() {
    const collect = async (stream) => { for await (const _ of stream); };
    const error = await throws(chat('error_mid', { stream: true }).then(collect), 'APIError');
    assert.match(error.message, /error/i);
    let last; // the Responses API says it in an event of its own
    for await (const event of await respond('error_mid', { stream: true })) last = event;
    assert.equal(last.type, 'error');
    assert.match(last.message, /error/i);
    for (const way of ['reset_mid', 'close_mid']) {
      const cut = await chat(way, { stream: true }).then(collect).then(() => null, (e) => e);
      assert.ok(cut, way);
    }
  },
  async 'connections that break or are silent'() {
    await throws(chat('reset'), 'APIConnectionError');
    await throws(chat('close'), 'APIConnectionError');
    await throws(client.chat.completions.create({ model: 'm', messages: USER }, { ...as('stall'), timeout: 200 }), 'APIConnectionTimeoutError');
  },
  async 'retries follow Retry-After'() {
    const patient = new OpenAI({ baseURL: url, apiKey, maxRetries: 1 });
    const control = url.replace(/\/v1$/, '/control');
    const queue = async (names) => assert.equal((await fetch(control, { method: 'POST', body: JSON.stringify({ queue: names }) })).status, 200);
    await queue(['status?code=503&retry_after=0', 'ok']);
    assert.equal((await patient.chat.completions.create({ model: 'm', messages: USER })).choices[0].message.content, TEXT);
  },
};

const results = {};
for (const [name, run] of Object.entries(cases)) {
  results[name] = await run().then(() => '', (e) => `${e.name}: ${e.message}\n${(e.stack ?? '').split('\n').slice(0, 4).join('\n')}`);
}
console.log(JSON.stringify(results));
