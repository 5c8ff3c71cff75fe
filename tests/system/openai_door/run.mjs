// node run.mjs URL CONTROL: OpenAI's own client against the door at URL. Standard input: {"service", "admin", "learner"}, keys. Each *.cases.mjs beside
// this file gives cases, a function for each name. Prints {"calls", "results": {file: {name: "" or what was wrong}}}.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

// The package is installed once, for this suite and for that beside it.
const { default: OpenAI } = createRequire(new URL('../openai_client/client.mjs', import.meta.url))('openai');

const [url, control] = process.argv.slice(2);
const keys = JSON.parse(readFileSync(0, 'utf8'));
let calls = 0;
const counted = (...args) => {
  calls++;
  return fetch(...args);
};
const client = (key = keys.admin, options = {}) =>
  new OpenAI({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 30_000, fetch: counted, ...options });

async function throws(promise, kind, status) {
  const error = await promise.then(() => assert.fail('no error'), (e) => e);
  assert.equal(error.constructor.name, kind, `${error.constructor.name}: ${error.message}`);
  if (status) assert.equal(error.status, status);
  return error;
}

// What came to the AI service since the last look.
async function asked() {
  const { requests } = await (await fetch(`${control}/control/requests`)).json();
  await fetch(`${control}/control/requests`, { method: 'DELETE' });
  return requests;
}

async function eventually(condition, what) {
  for (let i = 0; i < 3000; i++) {
    const value = await condition();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return assert.fail(what);
}

const TEXT = 'The water cycle moves water between sea, air and land.';
const results = {};
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.cases.mjs')).sort();
for (const file of files) {
  const { default: make } = await import(new URL(file, import.meta.url));
  results[file] = {};
  for (const [name, run] of Object.entries(make({ OpenAI, assert, client, keys, url, control, throws, asked, eventually, TEXT }))) {
    await asked();
    results[file][name] = await run().then(() => '', (e) => `${e.name}: ${e.message}\n${(e.stack ?? '').split('\n').slice(0, 5).join('\n')}`);
  }
}
console.log(JSON.stringify({ calls, results }));
