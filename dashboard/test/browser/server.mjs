import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = process.env.HOOKLINE_BIN ?? fileURLToPath(new URL('../../../bin/hookline', import.meta.url));

/** The account in which sample traffic flows. */
export const account = 'demo';

/** The administrator's key of every server that is started here. */
export const key = `hk_test_${'0123456789abcdef'.repeat(2)}`;

/** Runs `hookline serve` with its demo account, on a port of its own that stays the same when it is started again. */
export class Server {
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #process;
  #port = 0;
  #folder = '';
  #output = '';

  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What the server has written so far. */
  get output() {
    return this.#output;
  }

  /** Starts the server and waits until it is ready. */
  async start() {
    this.#port ||= await freePort();
    this.#folder ||= await mkdtemp(join(tmpdir(), 'hookline-'));
    const child = spawn(program, ['serve'], {
      env: {
        ...process.env,
        HOOKLINE_ADDR: `127.0.0.1:${this.#port}`,
        HOOKLINE_ADMIN_KEY: key,
        HOOKLINE_DATA_DIR: this.#folder,
        HOOKLINE_DEMO: 'true',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output += text;
      });
    }
    /** @type {Error | undefined} */
    let failure;
    child.on('error', (error) => {
      failure = error;
    });
    const deadline = Date.now() + 30_000;
    while (!(await this.#ready())) {
      if (failure || child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`${program} did not become ready: ${failure?.message ?? this.#output}`);
      }
      await delay(50);
    }
  }

  /** Ends the server as an operator does, and waits until it has ended. */
  async stop() {
    const child = this.#process;
    this.#process = undefined;
    if (!child || child.exitCode !== null || child.pid === undefined) {
      return;
    }
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await ended;
    clearTimeout(timer);
  }

  /** Ends the server and removes its data. */
  async remove() {
    await this.stop();
    if (this.#folder) {
      await rm(this.#folder, { recursive: true, force: true });
    }
  }

  /**
   * Asks the API.
   * @param {string} query
   * @param {Record<string, unknown>} [variables]
   */
  async ask(query, variables) {
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${key}`, 'Hookline-Account': account, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (errors) {
      throw new Error(JSON.stringify(errors));
    }
    return data;
  }

  /**
   * Creates an API key of the account.
   * @param {string[]} scopes
   * @returns {Promise<{ id: string, secret: string }>}
   */
  async createKey(...scopes) {
    const { createApiKey } = await this.ask(
      `mutation ($scopes: [Scope!]!) {
        createApiKey(name: "browser test", scopes: $scopes) { apiKey { id } createdSecret }
      }`,
      { scopes },
    );
    return { id: createApiKey.apiKey.id, secret: createApiKey.createdSecret };
  }

  /**
   * Creates a portal session of the account.
   * @param {string[]} scopes
   * @returns {Promise<{ id: string, url: string }>}
   */
  async createPortalSession(...scopes) {
    const { createPortalSession } = await this.ask(
      `mutation ($account: Ref!, $scopes: [Scope!]!) {
        createPortalSession(account: $account, scopes: $scopes, name: "A customer") { apiKey { id } url }
      }`,
      { account: { key: account }, scopes },
    );
    return { id: createPortalSession.apiKey.id, url: createPortalSession.url };
  }

  async #ready() {
    try {
      return (await fetch(`${this.url}/readyz`)).ok;
    } catch {
      return false;
    }
  }
}

/** @returns {Promise<number>} */
async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
