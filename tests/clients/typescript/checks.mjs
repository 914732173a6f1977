// The example server `revenue` as the official TypeScript SDKs see it: the current one over both
// protocol revisions, and the old package, which most hosts still ship, over the old revision.
//
//     node checks.mjs --query love --url http://127.0.0.1:8787/mcp
//     node checks.mjs --query love --command revenue serve --stdio --state DIR
//
// MCP_API_KEY holds a key with every scope, REPORTING_API_KEY one with `revenue.read` alone.
// Each check prints a line, the last line counts them.

import { deepStrictEqual, ok } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';

import * as current from '@modelcontextprotocol/client';
import { StdioClientTransport as CurrentStdio } from '@modelcontextprotocol/client/stdio';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const CURRENT = { Client: current.Client, Http: current.StreamableHTTPClientTransport, Stdio: CurrentStdio };
const OLD = { Client: OldClient, Http: OldHttp, Stdio: OldStdio };
// Each with what it is asked for and the revision it must arrive at.
const CLIENTS = [
  { name: 'client', sdk: CURRENT, mode: 'auto', revision: '2026-07-28' },
  { name: 'client', sdk: CURRENT, mode: 'legacy', revision: '2025-11-25' },
  { name: 'sdk', sdk: OLD, mode: undefined, revision: '2025-11-25' },
];
const TOOLS = [
  'add_feedback',
  'delete_customer',
  'delete_record',
  'find_customer',
  'get_revenue_data',
  'list_feedback',
  'search_tracks',
];
// Where an INVALID_ARGUMENTS error lists what is wrong, and where each entry says where.
const [VIOLATIONS, POINTER] = ['violations', 'pointer'];
const MILLISECONDS_PER_STRANGER = 20_000;
const MILLISECONDS_PER_CLIENT = 90_000;

const split = process.argv.indexOf('--command');
const command = split < 0 ? [] : process.argv.slice(split + 1);
const { values: options } = parseArgs({
  args: process.argv.slice(2, split < 0 ? undefined : split),
  options: { url: { type: 'string' }, query: { type: 'string' }, email: { type: 'string' } },
});
if (!options.query || !options.url === !command.length) {
  console.error('say --query WORD and one of --url URL and --command PROGRAM ARGUMENT…');
  process.exit(2);
}

let passed = 0;
let failed = 0;
// What servers on stdio log is shown only where a check fails.
let log = '';

/** One check: whatever is thrown inside fails it and nothing else. */
async function check(name, body) {
  try {
    const value = await body();
    passed += 1;
    console.log(`ok   ${name}`);
    return value;
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error?.stack ?? error}`);
  }
}

/** Fails with what was seen. */
function expect(condition, seen) {
  ok(condition, `saw ${JSON.stringify(seen)}`);
}

/** The promise, or an error after `milliseconds`. */
async function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done after ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Runs `body` with a connected client. */
async function connected({ sdk, mode }, key, body) {
  const client = new sdk.Client(
    { name: 'revenue-clients', version: '1.0.0' },
    mode ? { versionNegotiation: { mode } } : {},
  );
  let transport;
  if (options.url) {
    const headers = key ? { Authorization: `Bearer ${key}` } : {};
    transport = new sdk.Http(new URL(options.url), { requestInit: { headers } });
  } else {
    const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...(key ? { MCP_API_KEY: key } : {}) };
    transport = new sdk.Stdio({ command: command[0], args: command.slice(1), env, stderr: 'pipe' });
    transport.stderr?.on('data', chunk => (log += chunk));
  }
  // An error outside of any request: nothing a healthy connection has.
  const errors = [];
  client.onerror = error => errors.push(String(error));
  try {
    await client.connect(transport);
    await body(client, transport);
    expect(errors.length === 0, errors);
  } finally {
    await client.close();
  }
}

function call(client, name, args) {
  return client.callTool({ name, arguments: args });
}

/** What the tool returned: the structured content, which the text block must repeat. */
function valueOf(result) {
  const text = result.content.find(block => block.type === 'text')?.text;
  expect(!result.isError, text);
  const value = JSON.parse(text);
  if (result.structuredContent !== undefined) deepStrictEqual(result.structuredContent, value);
  // A result that is no object travels under one key.
  const wrapped = !Array.isArray(value) && Object.keys(value).join() === 'result';
  return wrapped ? value.result : value;
}

/** The tool error: JSON text, and nothing that an output schema could reject. */
function errorOf(result) {
  expect(result.isError === true && result.structuredContent === undefined, result);
  const { error } = JSON.parse(result.content[0].text);
  expect(typeof error.message === 'string' && error.message, error);
  return error;
}

async function listed(client) {
  const names = [];
  let cursor;
  do {
    const page = await client.listTools(cursor === undefined ? {} : { cursor });
    names.push(...page.tools.map(tool => tool.name));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return names;
}

/** What a key with every scope can do. */
async function everything(client, say) {
  await check(say('lists the tools, sorted'), async () => deepStrictEqual(await listed(client), TOOLS));

  const report = await check(say('get_revenue_data answers month by month'), async () => {
    const report = valueOf(await call(client, 'get_revenue_data', { country: 'Germany', months: 12 }));
    expect(report.country === 'Germany' && report.currency, report);
    expect(report.months.length > 0 && report.months.length <= 12, report);
    const total = report.months.reduce((sum, month) => sum + month.revenue, 0);
    expect(Math.abs(total - report.total) < 0.005, report);
    return report;
  });

  await check(say('get_revenue_data has a default for months'), async () =>
    deepStrictEqual(valueOf(await call(client, 'get_revenue_data', { country: 'Germany' })), report),
  );

  await check(say('two violations are both named'), async () => {
    const country = 'x'.repeat(41);
    const error = errorOf(await call(client, 'get_revenue_data', { country, months: 0 }));
    expect(error.code === 'INVALID_ARGUMENTS', error);
    deepStrictEqual(new Set(error[VIOLATIONS].map(entry => entry[POINTER])), new Set(['/country', '/months']));
    expect(!JSON.stringify(error).includes(country), error);
  });

  const hits = await check(say('search_tracks finds tracks'), async () => {
    const hits = valueOf(await call(client, 'search_tracks', { query: options.query, limit: 3 }));
    expect(hits.length > 0 && hits.length <= 3, hits);
    expect(hits.every(hit => ['id', 'title', 'artist', 'album'].every(key => key in hit)), hits);
    return hits;
  });

  await check(say('find_customer says that there is none'), async () => {
    const error = errorOf(await call(client, 'find_customer', { email: 'nobody@example.com' }));
    expect(error.code === 'RECORD_NOT_FOUND' && error.retryable === false, error);
  });

  if (options.email) {
    await check(say('find_customer finds one'), async () => {
      const customer = valueOf(await call(client, 'find_customer', { email: options.email }));
      expect(Object.values(customer).includes(options.email), customer);
    });
  }

  await check(say('feedback is written, read back and deleted'), async () => {
    const track = hits?.[0]?.id ?? 1;
    const text = `Grüße aus ${say('München')}: «très bon» 🎵`;
    const { id } = valueOf(await call(client, 'add_feedback', { track, text }));
    const entry = valueOf(await call(client, 'list_feedback', { track })).find(entry => entry.id === id);
    expect(entry?.text === text && entry.written_at, entry);
    const gone = await call(client, 'delete_record', { kind: 'feedback', id });
    expect(!gone.isError, gone);
    const rest = valueOf(await call(client, 'list_feedback', { track }));
    expect(rest.every(entry => entry.id !== id), rest);
  });

  await check(say('an unknown tool is a protocol error'), async () => {
    const error = await call(client, 'drop_tables', {}).then(
      answer => new Error(`answered ${JSON.stringify(answer)}`),
      error => error,
    );
    expect(error.code === -32602, String(error));
  });
}

/** What a key with `revenue.read` alone can do. */
async function reporting(client, say) {
  await check(say('a reporting key lists what it can call'), async () =>
    deepStrictEqual(await listed(client), ['get_revenue_data']),
  );

  await check(say('a reporting key reads revenue'), async () => {
    valueOf(await call(client, 'get_revenue_data', { country: 'Germany', months: 1 }));
  });

  await check(say('a reporting key may not delete'), async () => {
    const error = errorOf(await call(client, 'delete_record', { kind: 'customer', id: 1 }));
    expect(error.code === 'PERMISSION_DENIED', error);
    deepStrictEqual([...error.required_scopes].sort(), ['record.delete', 'record.read']);
  });
}

/** Without a key, or with a wrong one, the client is told so and nothing is served. */
async function strangers(client, say) {
  for (const [name, key] of [['no key', undefined], ['an unknown key', 'mcpk_unknown_0000']]) {
    await check(say(`${name} is an error for the client`), async () => {
      let names;
      const error = await connected(client, key, async connection => {
        names = await listed(connection);
      }).catch(error => error);
      expect(names === undefined && error instanceof Error, { names });
      // Over HTTP the SDKs say which status it was, each in its own way; a pipe only ends.
      if (options.url) expect(error.status === 401 || error.code === 401 || /\b401\b/.test(error.message), String(error));
    });
  }
}

/** What a stranger meets below the SDK: 401 and a challenge, or a process that does not start. */
async function refused() {
  for (const [name, key] of [['no key', undefined], ['an unknown key', 'mcpk_unknown_0000']]) {
    if (options.url) {
      await check(`http ${name} is 401 with a challenge, whatever the body`, async () => {
        const headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
        if (key) headers.Authorization = `Bearer ${key}`;
        const signal = AbortSignal.timeout(MILLISECONDS_PER_STRANGER);
        const answer = await fetch(options.url, { method: 'POST', headers, body: '{', signal });
        const challenge = answer.headers.get('WWW-Authenticate') ?? '';
        expect(answer.status === 401 && challenge.startsWith('Bearer'), [answer.status, challenge]);
        expect(challenge.includes('invalid_token') === Boolean(key), challenge);
      });
    } else {
      await check(`stdio with ${name} does not start`, async () => {
        const env = { ...process.env, MCP_API_KEY: key };
        if (!key) delete env.MCP_API_KEY;
        const child = spawn(command[0], command.slice(1), { env, timeout: MILLISECONDS_PER_STRANGER });
        let [out, err] = ['', ''];
        child.stdout.on('data', chunk => (out += chunk));
        child.stderr.on('data', chunk => (err += chunk));
        const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
        expect(code !== null && code !== 0 && out === '' && err.includes('MCP_API_KEY'), { code, out, err });
      });
    }
  }
}

for (const client of CLIENTS) {
  const say = what => `${options.url ? 'http' : 'stdio'} ${client.revision} ${client.name} ${what}`;
  const use = (name, key, expected, body) =>
    check(say(name), () =>
      within(
        MILLISECONDS_PER_CLIENT,
        'the session',
        connected(client, key, async (connection, transport) => {
          const revision = connection.getNegotiatedProtocolVersion?.() ?? transport.protocolVersion;
          // The old package keeps the revision to itself on stdio.
          if (revision !== undefined) deepStrictEqual(revision, expected);
          await body(connection, say);
        }),
      ),
    );
  await use('connects and disconnects', process.env.MCP_API_KEY, client.revision, everything);
  await use('connects and disconnects as reporting', process.env.REPORTING_API_KEY, client.revision, reporting);
  await strangers(client, say);
}
await refused();
if (failed) process.stderr.write(log);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed || !passed ? 1 : 0);
