// The fixture server as a protected resource of an authorization server that nobody here wrote (oidc-provider), driven by
// the official TypeScript SDKs: discovery, authorization code with PKCE, step-up, revocation while a stream is open, client
// credentials, key rotation while calls run, introspection.
//
//     node oauth.mjs --program FIXTURE --folder EMPTY
//
// Each check prints a line, the last line counts them.

import { ok } from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createPort } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';

import * as current from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import Provider from 'oidc-provider';

const { values: options } = parseArgs({ options: { program: { type: 'string' }, folder: { type: 'string' } } });
const SCOPES = 'echo.say revenue.read record.read record.delete';
const SDKS = [
  { name: 'client', Client: current.Client, Http: current.StreamableHTTPClientTransport },
  { name: 'sdk', Client: OldClient, Http: OldHttp },
];
const PATIENCE = 20_000;

let passed = 0;
let failed = 0;

async function check(name, body) {
  try {
    const value = await within(PATIENCE * 2, name, body());
    passed += 1;
    console.log(`ok   ${name}`);
    return value;
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error?.stack ?? error}`);
  }
}

function expect(condition, seen) {
  ok(condition, `saw ${JSON.stringify(seen)}`);
}

async function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done after ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A port that is free now; a resource has to be named before it is served. */
async function freePort() {
  const probe = createPort();
  await new Promise(resolve => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address();
  await new Promise(resolve => probe.close(resolve));
  return port;
}

/** The authorization server. Its keys can be changed, and it can be made to fail. */
class Authority {
  static async start(resources) {
    const authority = new Authority();
    authority.resources = resources;
    authority.secret = randomBytes(24).toString('hex');
    authority.keys = [key('first')];
    authority.http = createServer((request, response) => authority.answer(request, response));
    await new Promise(resolve => authority.http.listen(0, '127.0.0.1', resolve));
    authority.url = `http://127.0.0.1:${authority.http.address().port}`;
    authority.renew();
    return authority;
  }

  renew() {
    const secret = { client_secret: this.secret, redirect_uris: [], response_types: [] };
    this.provider = new Provider(this.url, {
      jwks: { keys: this.keys },
      cookies: { keys: [this.secret] },
      scopes: ['openid', ...SCOPES.split(' ')],
      clients: [
        { client_id: 'worker', ...secret, grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_post' },
        { client_id: 'mcp', ...secret, grant_types: [], token_endpoint_auth_method: 'client_secret_basic' },
      ],
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        revocation: { enabled: true },
        registration: { enabled: true },
        resourceIndicators: {
          enabled: true,
          useGrantedResource: () => true,
          getResourceServerInfo: (_, resource) => ({ scope: SCOPES, audience: resource, ...this.resources[resource] }),
        },
      },
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
      interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    });
    this.handler = this.provider.callback();
  }

  /** Signs with a new key from now on, and still publishes the old one. */
  rotate() {
    this.keys = [key('second'), ...this.keys];
    this.renew();
  }

  async answer(request, response) {
    if (this.broken) return response.writeHead(500).end('broken');
    if (request.method === 'POST' && request.url === '/reg') request.body = await registration(request);
    if (!request.url.startsWith('/interaction/')) return this.handler(request, response);
    // Whoever is asked logs in as alice, and consents to everything.
    const { Grant } = this.provider;
    const details = await this.provider.interactionDetails(request, response);
    const result = { login: { accountId: 'alice' } };
    if (details.prompt.name === 'consent') {
      const { params, session, grantId, prompt } = details;
      const grant = grantId ? await Grant.find(grantId) : new Grant({ accountId: session.accountId, clientId: params.client_id });
      if (prompt.details.missingOIDCScope) grant.addOIDCScope(prompt.details.missingOIDCScope.join(' '));
      for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
        grant.addResourceScope(resource, scopes.join(' '));
      }
      delete result.login;
      result.consent = { grantId: await grant.save() };
    }
    await this.provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
  }

  async post(path, form, secret = true) {
    const client = secret ? { client_id: 'worker', client_secret: this.secret } : {};
    const body = new URLSearchParams({ ...client, ...form });
    return fetch(`${this.url}${path}`, { method: 'POST', body });
  }

  /** A token by client credentials. */
  async token(resource, scope = SCOPES) {
    const answer = await this.post('/token', { grant_type: 'client_credentials', resource, scope });
    const { access_token } = await answer.json();
    ok(access_token, `no token: ${answer.status}`);
    return access_token;
  }
}

/** The SDKs register with the scopes of their first challenge; here every client may ask for all of them later. */
async function registration(request) {
  let text = '';
  for await (const piece of request) text += piece;
  const { scope, ...metadata } = JSON.parse(text);
  return metadata;
}

function key(kid) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: `${kid}-${randomBytes(4).toString('hex')}`, use: 'sig', alg: 'ES256' };
}

/** A server of ours on a port that was chosen before. */
class Resource {
  constructor(name, port) {
    this.url = `http://127.0.0.1:${port}/mcp`;
    this.port = port;
    this.files = ['--config', join(options.folder, `${name}.toml`), '--state', join(options.folder, `${name}-state`)];
    this.log = '';
  }

  async start(config) {
    writeFileSync(this.files[1], `[auth]\nresource = "${this.url}"\nbaseline_scope = "revenue.read"\n${config}`);
    this.process = spawn(options.program, ['serve', '--dev', '--http', `127.0.0.1:${this.port}`, ...this.files], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await within(PATIENCE, 'the server listens', new Promise((resolve, reject) => {
      this.process.on('exit', code => reject(new Error(`the server ends with ${code}\n${this.log}`)));
      this.process.stderr.on('data', piece => {
        this.log += piece;
        if (this.log.includes('listening on ')) resolve();
      });
    }));
  }

  /** What an administrator types. */
  async revoke(...words) {
    await promisify(execFile)(options.program, ['revoke', ...words, ...this.files]);
  }

  /** A call by hand. */
  async post(token, tool, args = {}, meta = undefined) {
    const params = { name: tool, arguments: args, ...(meta ? { _meta: meta } : {}) };
    return fetch(this.url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
    });
  }
}

/** What an SDK asks of its host: it keeps tokens, and follows the browser's redirects as a user would click. */
class Host {
  redirectUrl = 'http://127.0.0.1:9/callback';
  codes = [];
  asked = [];
  cookies = new Map();

  get clientMetadata() {
    return {
      client_name: 'revenue-clients',
      redirect_uris: [this.redirectUrl],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    };
  }
  clientInformation() { return this.client; }
  saveClientInformation(client) { this.client = client; }
  tokens() { return this.kept; }
  saveTokens(tokens) { this.kept = tokens; }
  saveCodeVerifier(verifier) { this.verifier = verifier; }
  codeVerifier() { return this.verifier; }
  saveDiscoveryState(state) { this.discovered = state; }
  discoveryState() { return this.discovered; }

  async redirectToAuthorization(start) {
    this.asked.push(start.searchParams.get('scope'));
    ok(start.searchParams.get('code_challenge_method') === 'S256', 'PKCE');
    let url = new URL(start);
    for (let hop = 0; hop < 20; hop += 1) {
      const cookie = [...this.cookies].map(pair => pair.join('=')).join('; ');
      const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
      for (const set of answer.headers.getSetCookie()) {
        const [pair] = set.split(';');
        const at = pair.indexOf('=');
        this.cookies.set(pair.slice(0, at), pair.slice(at + 1));
      }
      const location = answer.headers.get('location');
      if (!location) throw new Error(`${url.pathname}: ${answer.status} ${await answer.text()}`);
      url = new URL(location, url);
      if (url.href.startsWith(this.redirectUrl)) {
        ok(url.searchParams.has('code'), url.href);
        this.codes.push(url.searchParams);
        return;
      }
    }
    throw new Error('the browser goes round in circles');
  }
}

/** An SDK client that was given the server's URL alone. */
class Agent {
  constructor(sdk, url) {
    this.sdk = sdk;
    this.url = url;
    this.host = new Host();
  }

  async connect() {
    this.client = new this.sdk.Client({ name: 'revenue-clients', version: '1.0.0' });
    this.transport = new this.sdk.Http(new URL(this.url), { authProvider: this.host });
    await this.client.connect(this.transport);
  }

  /** Does something that needs a login, logs in, and does it again. */
  async loggedIn(something) {
    try {
      return await something();
    } catch (error) {
      if (!this.host.codes.length) throw error;
      const callback = this.host.codes.shift();
      // The current SDK also looks at who issued the code (RFC 9207).
      const code = this.sdk.name === 'client' ? callback : callback.get('code');
      await this.transport.finishAuth(code);
      return something();
    }
  }

  async call(name, args = {}) {
    const result = await this.client.callTool({ name, arguments: args });
    expect(!result.isError, result);
    return result;
  }
}

const [jwtPort, opaquePort] = [await freePort(), await freePort()];
const [signed, opaque] = [new Resource('signed', jwtPort), new Resource('opaque', opaquePort)];
const authority = await Authority.start({
  [signed.url]: { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
  [opaque.url]: { accessTokenFormat: 'opaque' },
});
writeFileSync(join(options.folder, 'secret'), authority.secret, { mode: 0o600 });
const issuer = `[[auth.issuers]]\nissuer = "${authority.url}"\n`;
try {
  await signed.start(`${issuer}algorithms = ["ES256"]\ncool_down = "1s"\n`);
  await opaque.start(
    `${issuer}introspection = { endpoint = "${authority.url}/token/introspection", client_id = "mcp", ` +
      `client_secret_file = "${join(options.folder, 'secret')}", cache = "1s" }\n`,
  );
  for (const sdk of SDKS) await signedIn(sdk);
  await byCredentials();
  await introspected();
} finally {
  for (const server of [signed, opaque]) {
    server.process?.removeAllListeners('exit');
    server.process?.kill();
    if (failed) console.log(server.log.split("\n").filter(line => !line.includes("\"level\":\"INFO\"")).join("\n"));
    if (/eyJ[\w-]+\.[\w-]+\.[\w-]+/.test(server.log)) {
      failed += 1;
      console.log('FAIL a token stands in the log');
    }
  }
  authority.http.close();
  authority.http.closeAllConnections();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

/** The story of the issue, told by one SDK. */
async function signedIn(sdk) {
  const say = what => `${sdk.name}: ${what}`;
  const [agent, other] = [new Agent(sdk, signed.url), new Agent(sdk, signed.url)];
  await check(say('given the URL alone, it finds the authorization server and logs in'), async () => {
    for (const who of [agent, other]) {
      await who.loggedIn(() => who.connect());
      expect(who.host.asked.join() === 'revenue.read', who.host.asked);
    }
  });
  await check(say('it calls'), async () => {
    const { content } = await agent.call('whoami');
    const [text] = content.map(block => block.text);
    expect(text === `client:${authority.url}:${agent.host.client.client_id} for alice`, text);
    await agent.call('get_revenue', { country: 'Chile' });
  });
  await check(say('it is challenged for record.delete, steps up, and the same call works'), async () => {
    await agent.loggedIn(() => agent.call('delete_record', { kind: 'track', id: 1 }));
    const asked = new Set(agent.host.asked.at(-1).split(' '));
    expect(asked.has('record.delete') && asked.has('record.read'), agent.host.asked);
  });
  await check(say('cut off while it streams, its stream closes and its next call is a 401'), async () => {
    const { access_token: token } = agent.host.kept;
    const stream = await signed.post(token, 'wait', { milliseconds: 15_000 }, { progressToken: 1 });
    expect(stream.headers.get('content-type') === 'text/event-stream', [...stream.headers]);
    const rest = stream.text();
    await signed.revoke('agent', `client:${authority.url}:${agent.host.client.client_id}`);
    const began = Date.now();
    const text = await rest;
    expect(!text.includes('waited') && Date.now() - began < 2_000, { text, after: Date.now() - began });
    const next = await signed.post(token, 'ping');
    expect(next.status === 401 && next.headers.get('www-authenticate').includes('invalid_token'), next.status);
  });
  await check(say('a new login does not help it'), async () => {
    const before = agent.host.kept.access_token;
    let refused;
    try {
      await agent.loggedIn(() => agent.call('ping'));
    } catch (error) {
      refused = error;
    }
    expect(refused && agent.host.kept.access_token !== before, 'it was let in, or never logged in');
    const { status } = await signed.post(agent.host.kept.access_token, 'ping');
    expect(status === 401, status);
  });
  await check(say('another agent of the same user goes on undisturbed'), async () => {
    await other.call('ping');
    expect(other.host.asked.length === 1, other.host.asked);
  });
  for (const who of [agent, other]) await who.client?.close();
}

async function byCredentials() {
  await check('client credentials: the agent is the client, on nobody’s behalf', async () => {
    const answer = await (await signed.post(await authority.token(signed.url), 'whoami')).json();
    expect(answer.result.content[0].text === `client:${authority.url}:worker for nobody`, answer);
  });
  await check('a token for another resource is refused', async () => {
    const { status } = await signed.post(await authority.token(opaque.url), 'ping');
    expect(status === 401, status);
  });
  await check('a token that is cut off by its id is refused, and the next one is not', async () => {
    const token = await authority.token(signed.url);
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    expect((await signed.post(token, 'ping')).status === 200, 'before');
    await signed.revoke('token', jti);
    await sleep(1000);
    expect((await signed.post(token, 'ping')).status === 401, 'after');
    expect((await signed.post(await authority.token(signed.url), 'ping')).status === 200, 'another');
  });
  await check('the keys are rotated while calls run, and no call fails', async () => {
    await sleep(1100);
    const old = await authority.token(signed.url);
    const kids = new Set();
    for (let i = 0; i < 60; i += 1) {
      if (i === 20) authority.rotate();
      const token = await authority.token(signed.url);
      kids.add(JSON.parse(Buffer.from(token.split('.')[0], 'base64url')).kid);
      for (const each of [token, old]) {
        const { status } = await signed.post(each, 'ping');
        expect(status === 200, { i, status });
      }
    }
    expect(kids.size === 2, [...kids]);
  });
}

async function introspected() {
  await check('an opaque token is good as long as its issuer says so', async () => {
    const token = await authority.token(opaque.url);
    expect(!token.includes('.'), 'opaque');
    const answer = await (await opaque.post(token, 'whoami')).json();
    expect(answer.result.content[0].text === `client:${authority.url}:worker for nobody`, answer);
    const revoked = await authority.post('/token/revocation', { token });
    expect(revoked.status === 200, revoked.status);
    await sleep(1100);
    expect((await opaque.post(token, 'ping')).status === 401, 'after the answer has aged');
  });
  await check('while the issuer does not answer, nobody is let in and nobody is thrown out', async () => {
    const [known, fresh] = [await authority.token(opaque.url), await authority.token(opaque.url)];
    expect((await opaque.post(known, 'ping')).status === 200, 'before');
    authority.broken = true;
    const unknown = await opaque.post(fresh, 'ping');
    expect(unknown.status === 503 && unknown.headers.get('retry-after') >= 1, unknown.status);
    await sleep(1100);
    expect((await opaque.post(known, 'ping')).status === 503, 'its answer has aged');
    authority.broken = false;
    expect((await opaque.post(fresh, 'ping')).status === 200, 'and again');
  });
}
