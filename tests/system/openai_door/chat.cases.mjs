// Chat completions, embeddings, models, errors. "vendor/double:SCENARIO" reaches the double with the model name that chooses its scenario.
const PNG = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const USER = [{ role: 'user', content: 'Why does it rain?' }];
const SCHEMA = { type: 'object', properties: { answer: { type: 'string' }, sure: { type: 'boolean' } }, required: ['answer', 'sure'],
                 additionalProperties: false };
const tools = [{ type: 'function', function: { name: 'find_unit', parameters: { type: 'object', properties: { topic: { type: 'string' } },
                                                                                required: ['topic'], additionalProperties: false } } },
               { type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } }];

export default ({ assert, client, keys, throws, asked, eventually, TEXT }) => {
  const ai = client();
  const chat = (scenario, more = {}, options) => ai.chat.completions.create({ model: `vendor/double:${scenario}`, messages: USER, ...more }, options);
  const all = async (stream) => {
    const chunks = [];
    for await (const chunk of await stream) chunks.push(chunk);
    return chunks;
  };
  const said = (chunks) => chunks.map((c) => c.choices[0]?.delta.content ?? '').join('');
  const call = (key, id) => fetch(`${ai.baseURL.replace('/openai/v1', '')}/v1/actions/calls/${id.replace('chatcmpl-', '')}`,
                                  { headers: { Authorization: `Bearer ${key}` } }).then((r) => r.json());

  return {
  async 'a completion has all members'() {
    const got = await chat('ok');
    assert.equal(got.object, 'chat.completion');
    assert.match(got.id, /^chatcmpl-[0-9a-f-]{36}$/);
    assert.ok(Math.abs(got.created - Date.now() / 1000) < 60);
    assert.equal(got.model, 'double:ok');
    assert.equal(got.system_fingerprint, 'fp_double');
    assert.deepEqual(got.choices, [{ index: 0, message: { role: 'assistant', content: TEXT, refusal: null }, logprobs: null, finish_reason: 'stop' }]);
    assert.equal(got.usage.total_tokens, 579);
    assert.equal(got.usage.prompt_tokens_details.cached_tokens, 4);
    assert.ok(got._request_id);
    assert.equal((await call(keys.admin, got.id)).response.generated_content, TEXT);
  },
  async 'the response has the headers'() {
    const { response } = await ai.chat.completions.create({ model: 'action:continue_conversation', messages: USER }).withResponse();
    assert.match(response.headers.get('openai-processing-ms'), /^\d+$/);
    assert.ok(response.headers.get('x-request-id'));
    assert.equal(response.headers.get('x-ratelimit-limit-requests'), null);
  },
  async 'an action is a model'() {
    for (const model of ['action:summarise_text', 'action:explain_text', 'action:generate_text', 'action:continue_conversation']) {
      const got = await ai.chat.completions.create({ model, messages: [{ role: 'system', content: 'For beginners.' }, ...USER], user: 'u-7' });
      assert.equal(got.choices[0].message.content, TEXT, model);
      assert.equal((await call(keys.admin, got.id)).action, model.slice('action:'.length));
    }
    for (const request of await asked()) assert.match(JSON.stringify(request.body.messages), /For beginners\./);
  },
  async 'a profile is a model'() {
    const got = await ai.chat.completions.create({ model: 'profile:demo-summary', messages: USER });
    assert.ok(got.choices[0].message.content.length > 0);
    assert.equal(got.model, 'profile:demo-summary');
    const chunks = await all(ai.chat.completions.create({ model: 'profile:demo-mock-stream', messages: USER, stream: true }));
    assert.ok(said(chunks).length > 0);
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
  },
  async 'a stream says role, pieces, end'() {
    const chunks = await all(chat('ok', { stream: true }));
    assert.deepEqual(chunks[0].choices[0].delta, { role: 'assistant', content: '', refusal: null });
    assert.equal(said(chunks), TEXT);
    assert.ok(chunks.length > 3);
    assert.deepEqual(chunks.at(-1).choices[0].delta, {});
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    assert.equal(new Set(chunks.map((c) => c.id + c.created + c.model + c.system_fingerprint)).size, 1);
    assert.ok(chunks.every((c) => c.object === 'chat.completion.chunk' && !('usage' in c)));
  },
  async 'a stream has usage when asked'() {
    const chunks = await all(chat('ok', { stream: true, stream_options: { include_usage: true } }));
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.total_tokens, 579);
    assert.ok(chunks.slice(0, -1).every((c) => c.usage === null));
  },
  async 'a stream however the service cuts it'() {
    for (const way of ['one_byte', 'together', 'crlf', 'comments', `drip?bytes=5&byte_ms=0&text=${encodeURIComponent(TEXT)}`])
      assert.equal(said(await all(chat(way, { stream: true }))), TEXT, way);
  },
  async 'the stream helper puts it together'() {
    const got = await ai.chat.completions.stream({ model: 'vendor/double:ok', messages: USER, stream_options: { include_usage: true } })
      .finalChatCompletion();
    assert.equal(got.choices[0].message.content, TEXT);
    assert.equal(got.usage.total_tokens, 579);
  },
  async 'tools, call and result'() {
    for (const streamed of [false, true]) {
      const body = { tools, parallel_tool_calls: true, tool_choice: 'auto' };
      const first = streamed
        ? await ai.chat.completions.stream({ model: 'vendor/double:tool_calls', messages: USER, ...body }).finalChatCompletion()
        : await chat('tool_calls', body);
      const message = first.choices[0].message;
      assert.equal(first.choices[0].finish_reason, 'tool_calls');
      assert.ok(!message.content);
      assert.deepEqual(message.tool_calls.map((t) => [t.type, t.function.name, JSON.parse(t.function.arguments)]),
                       [['function', 'find_unit', { topic: 'water' }], ['function', 'now', {}]]);
      const answers = message.tool_calls.map((t) => ({ role: 'tool', tool_call_id: t.id, content: [{ type: 'text', text: 'Unit 3' }] }));
      const second = await chat('tool_calls', { ...body, messages: [...USER, message, ...answers] });
      assert.equal(second.choices[0].message.content, TEXT);
    }
    const [request] = await asked();
    assert.deepEqual([request.body.parallel_tool_calls, request.body.tool_choice, request.body.tools.length], [true, 'auto', 2]);
  },
  async 'a chosen tool'() {
    await chat('tool_calls', { tools, tool_choice: { type: 'function', function: { name: 'now' } } });
    assert.deepEqual((await asked())[0].body.tool_choice, { type: 'function', function: { name: 'now' } });
    await chat('ok', { tools, tool_choice: 'none', parallel_tool_calls: false });
    assert.deepEqual((await asked())[0].body.parallel_tool_calls, false);
    await chat('ok', { tool_choice: 'auto' }); // without tools: a wish for nothing
  },
  async 'an answer in a form'() {
    const response_format = { type: 'json_schema', json_schema: { name: 'reply', schema: SCHEMA, strict: true } };
    const got = await ai.chat.completions.parse({ model: 'vendor/double:schema', messages: USER, response_format });
    assert.deepEqual(got.choices[0].message.parsed ?? JSON.parse(got.choices[0].message.content), { answer: 'rain', sure: true });
    const streamed = await all(chat('schema', { response_format, stream: true }));
    assert.deepEqual(JSON.parse(said(streamed)), { answer: 'rain', sure: true });
    const json = await chat('schema', { response_format: { type: 'json_object' }, messages: [{ role: 'user', content: 'As JSON: why does it rain?' }] });
    assert.deepEqual(JSON.parse(json.choices[0].message.content), { answer: 'rain', sure: true });
    assert.equal((await chat('ok', { response_format: { type: 'text' } })).choices[0].message.content, TEXT);
  },
  async 'an answer that is not of the form'() {
    const response_format = { type: 'json_schema', json_schema: { name: 'reply', schema: SCHEMA, strict: true } };
    const error = await throws(chat('ok', { response_format }), 'InternalServerError', 500);
    assert.equal(error.code, 'upstream_invalid');
  },
  async 'an image'() {
    const content = [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: PNG, detail: 'low' } }];
    assert.equal((await chat('image', { messages: [{ role: 'user', content }] })).choices[0].message.content, 'A lighthouse on a rock.');
  },
  async 'a developer speaks as system'() {
    await chat('ok', { messages: [{ role: 'developer', content: 'Be brief.' }, ...USER] });
    assert.deepEqual((await asked())[0].body.messages[0], { role: 'system', content: 'Be brief.' });
  },
  async 'parts of text, refusals and names'() {
    const messages = [{ role: 'system', content: [{ type: 'text', text: 'A' }] }, { role: 'user', name: 'ann', content: 'B' },
                      { role: 'assistant', content: null, refusal: 'No.' }, { role: 'assistant', content: [{ type: 'refusal', refusal: 'Never.' }] },
                      { role: 'user', content: [{ type: 'text', text: 'C' }, { type: 'text', text: 'D' }] }];
    await chat('ok', { messages });
    assert.deepEqual((await asked())[0].body.messages.map((m) => [m.role, m.content]),
                     [['system', 'A'], ['user', 'B'], ['assistant', 'No.'], ['assistant', 'Never.'], ['user', 'C\nD']]);
  },
  async 'wishes go to the service'() {
    await chat('ok', { temperature: 0.5, top_p: 0.9, seed: 7, stop: 'END', max_completion_tokens: 50, frequency_penalty: -0.5, presence_penalty: 1,
                       logprobs: true, top_logprobs: 2, n: 1 });
    const { body } = (await asked())[0];
    assert.deepEqual([body.temperature, body.top_p, body.seed, body.stop, body.max_tokens ?? body.max_completion_tokens, body.frequency_penalty,
                      body.presence_penalty, body.logprobs, body.top_logprobs], [0.5, 0.9, 7, ['END'], 50, -0.5, 1, true, 2]);
    await chat('ok', { stop: ['a', 'b'], max_tokens: 9 });
    const again = (await asked())[0].body;
    assert.deepEqual([again.stop, again.max_tokens ?? again.max_completion_tokens], [['a', 'b'], 9]);
  },
  async 'members that are not known here are ignored'() {
    await chat('ok', { store: true, metadata: { a: 'b' }, service_tier: 'auto', logit_bias: { 50256: -100 }, reasoning_effort: 'low', nonsense: 1,
                       prediction: null, functions: undefined, modalities: ['text'], verbosity: 'low', prompt_cache_key: 'k' });
    const { body } = (await asked())[0];
    for (const name of ['metadata', 'nonsense', 'logit_bias', 'service_tier']) assert.ok(!(name in body), name);
  },
  async 'null is as absent'() {
    await chat('ok', { temperature: null, top_p: null, stop: null, n: null, seed: null, max_tokens: null, tools: null, tool_choice: null, stream: null,
                       response_format: null, user: null, logprobs: null, top_logprobs: null, stream_options: null, parallel_tool_calls: null,
                       frequency_penalty: null, presence_penalty: null, modalities: null, audio: null, functions: null });
    assert.deepEqual(Object.keys((await asked())[0].body).sort(), ['messages', 'model', 'user']);
  },
  async 'length, filter, refusal'() {
    assert.equal((await chat('length')).choices[0].finish_reason, 'length');
    assert.equal((await throws(chat('content_filter'), 'BadRequestError', 400)).code, 'content_filter');
    const refused = (await chat('refusal')).choices[0];
    assert.deepEqual([refused.message.refusal, refused.message.content, refused.finish_reason], ['I cannot help with that.', null, 'stop']);
    const streamed = await ai.chat.completions.stream({ model: 'vendor/double:refusal', messages: USER }).finalChatCompletion();
    assert.equal(streamed.choices[0].message.refusal, 'I cannot help with that.');
  },
  async 'what the model thinks is not shown'() {
    assert.equal((await chat('think')).choices[0].message.content, TEXT);
    assert.equal(said(await all(chat('think', { stream: true }))), TEXT);
  },
  async 'usage that is not known is zero'() {
    assert.deepEqual((await chat('no_usage')).usage, { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 });
  },
  async 'what is refused is named'() {
    const cases = [['n', { n: 2 }], ['functions', { functions: [{ name: 'f' }] }], ['function_call', { function_call: 'auto' }],
                   ['audio', { audio: { voice: 'alloy', format: 'wav' } }], ['modalities[1]', { modalities: ['text', 'audio'] }],
                   ['top_logprobs', { top_logprobs: 2 }], ['temperature', { temperature: 3 }], ['top_p', { top_p: -1 }], ['max_tokens', { max_tokens: 0 }],
                   ['messages', { messages: [] }], ['messages[0].role', { messages: [{ role: 'nobody', content: 'x' }] }],
                   ['messages[0].content', { messages: [{ role: 'user', content: ' ' }] }],
                   ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }] }],
                   ['messages[0].content[0].type', { messages: [{ role: 'user', content: [{ type: 'file', file: {} }] }] }],
                   ['messages[1].tool_call_id', { messages: [...USER, { role: 'tool', content: 'x' }] }],
                   ['tools[0].type', { tools: [{ type: 'custom', custom: { name: 'x' } }] }],
                   ['tool_choice', { tool_choice: 'required' }], ['response_format.type', { response_format: { type: 'yaml' } }]];
    for (const [param, body] of cases) {
      const error = await throws(chat('ok', body), 'BadRequestError', 400);
      assert.deepEqual([error.param, error.type], [param, 'invalid_request_error'], `${JSON.stringify(body)}: ${error.message}`);
    }
    assert.equal((await asked()).length, 0);
  },
  async 'errors of the service by kind'() {
    const kinds = { 401: ['InternalServerError', 500], 429: ['RateLimitError', 429], 500: ['InternalServerError', 503], 503: ['InternalServerError', 503],
                    404: ['NotFoundError', 404] };
    for (const [status, [kind, code]] of Object.entries(kinds))
      for (const stream of [false, true]) await throws(chat(`status?code=${status}`, { stream }), kind, code);
    assert.equal((await throws(chat('429'), 'RateLimitError', 429)).headers.get('retry-after'), '7');
    assert.equal((await throws(chat('context_window'), 'BadRequestError', 400)).code, 'context_length_exceeded');
    assert.equal((await throws(chat('status?code=401'), 'InternalServerError')).headers.get('x-should-retry'), 'false');
  },
  async 'an error in the middle of a stream'() {
    const stream = await chat('error_mid', { stream: true });
    let text = '';
    const error = await throws((async () => { for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? ''; })(), 'APIError');
    assert.ok(text.length > 0 && error.message.length > 0);
  },
  async 'who may not'() {
    await throws(client('lk_wrong').models.list(), 'AuthenticationError', 401);
    const error = await throws(client(keys.learner).chat.completions.create({ model: 'm', messages: USER }), 'PermissionDeniedError', 403);
    assert.equal(error.param, 'model');
    await throws(client(keys.service).chat.completions.create({ model: 'vendor/m', messages: USER }), 'PermissionDeniedError', 403);
    await throws(client(keys.learner).chat.completions.create({ model: 'action:generate_text', messages: USER }), 'PermissionDeniedError', 403);
  },
  async 'no such model'() {
    for (const model of ['gpt-nowhere', 'action:nothing', 'profile:nowhere', 'nobody/x:latest', 'llama3.2:3b']) {
      const error = await throws(ai.chat.completions.create({ model, messages: USER }), 'NotFoundError', 404);
      assert.deepEqual([error.code, error.param], ['model_not_found', 'model'], model);
    }
    await throws(ai.chat.completions.create({ model: '', messages: USER }), 'BadRequestError', 400);
    await throws(ai.chat.completions.create({ model: 'action:embed_text', messages: USER }), 'BadRequestError', 400);
  },
  async 'a user sees neither provider nor model'() {
    const learner = client(keys.learner);
    const got = await learner.chat.completions.create({ model: 'action:summarise_text', messages: USER, user: 'somebody else' });
    assert.equal(got.model, 'action:summarise_text');
    assert.match(got.system_fingerprint, /^fp_lectern_/);
  },
  async 'abort in the middle of a stream'() {
    const stream = await chat('endless', { stream: true });
    let id;
    for await (const chunk of stream) {
      id = chunk.id;
      if (chunk.choices[0].delta.content) break; // leaving the loop aborts
    }
    await eventually(async () => (await asked()).some((r) => r.closed_early) || (await call(keys.admin, id)).state === 'cancelled', 'closed upstream');
    await eventually(async () => (await call(keys.admin, id)).state === 'cancelled', 'cancelled');
  },
  async 'embeddings'() {
    const input = ['Rain falls.', 'La lluvia cae.'];
    const packed = await ai.embeddings.create({ model: 'action:embed_text', input }); // the client asks for base64 and unpacks it
    const plain = await ai.embeddings.create({ model: 'vendor/e', input, encoding_format: 'float' });
    assert.deepEqual(packed.data.map((d) => [d.object, d.index]), [['embedding', 0], ['embedding', 1]]);
    assert.deepEqual(Array.from(packed.data[1].embedding), plain.data[1].embedding);
    assert.deepEqual([packed.object, packed.usage], ['list', { prompt_tokens: 8, total_tokens: 8 }]);
    assert.equal((await ai.embeddings.create({ model: 'e', input: 'One.', encoding_format: 'float', dimensions: 16 })).data[0].embedding.length, 16);
    assert.equal((await throws(ai.embeddings.create({ model: 'e', input: [[1, 2, 3]] }), 'BadRequestError', 400)).param, 'input');
    await throws(ai.embeddings.create({ model: 'e', input: [] }), 'BadRequestError', 400);
    await throws(ai.embeddings.create({ model: 'action:summarise_text', input: 'x' }), 'BadRequestError', 400);
  },
  async 'images'() {
    const ask = { model: 'action:generate_image', prompt: 'A cloud', size: '1024x1536', quality: 'hd' };
    const got = await ai.images.generate({ ...ask, n: 2 });
    assert.deepEqual(got.data.map((d) => [Buffer.from(d.b64_json, 'base64').toString('latin1', 1, 4), d.revised_prompt]), [['PNG', 'A white cloud'], ['PNG', '']]);
    assert.deepEqual([got.output_format, got.size, got.quality], ['png', '30x20', 'hd']);
    const link = (await ai.images.generate({ ...ask, response_format: 'url' })).data[0].url;
    const picture = await fetch(link);
    assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/png']);
    assert.deepEqual(Buffer.from(await picture.arrayBuffer()), Buffer.from(got.data[0].b64_json, 'base64'));
    const jpeg = await ai.images.generate({ ...ask, output_format: 'jpeg' });
    assert.deepEqual([jpeg.output_format, Buffer.from(jpeg.data[0].b64_json, 'base64').readUInt16BE(0)], ['jpeg', 0xFFD8]);
    assert.equal((await throws(ai.images.generate({ ...ask, stream: true }), 'BadRequestError', 400)).param, 'stream');
    assert.equal((await throws(ai.images.generate({ ...ask, size: 'large' }), 'BadRequestError', 400)).param, 'size');
    assert.equal((await throws(ai.images.generate({ ...ask, output_format: 'gif' }), 'BadRequestError', 400)).param, 'output_format');
  },
  async 'models'() {
    const names = async (key) => {
      const list = [];
      for await (const model of client(key).models.list()) list.push(model.id);
      return list;
    };
    const admin = await names(keys.admin);
    for (const id of ['action:continue_conversation', 'action:embed_text', 'profile:demo-summary', 'vendor/m', 'vendor/e']) assert.ok(admin.includes(id), id);
    const learner = await names(keys.learner);
    assert.ok(learner.includes('action:summarise_text') && !learner.includes('action:generate_text'));
    assert.ok(learner.every((id) => !id.startsWith('vendor/')));
    assert.deepEqual(await ai.models.retrieve('vendor/m'), { id: 'vendor/m', object: 'model', created: 0, owned_by: 'openai' });
    assert.equal((await ai.models.retrieve('action:summarise_text')).owned_by, 'lectern');
    assert.equal((await ai.models.retrieve('m')).id, 'm');
    assert.equal((await throws(client(keys.learner).models.retrieve('vendor/m'), 'NotFoundError', 404)).code, 'model_not_found');
  },
  async 'what is not there'() {
    await throws(ai.files.list(), 'NotFoundError', 404);
    await throws(ai.moderations.create({ input: 'x' }), 'NotFoundError', 404);
  },
  };
};
