import { chromium } from 'playwright-core';

/** Starts Chromium. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/**
 * Opens a page of its own, with an empty session, and notes everything that goes wrong on it: errors in scripts and in the console, and
 * breaches of the content security policy.
 * @param {import('playwright-core').Browser} browser
 */
export async function openPage(browser) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  /** @type {string[]} */
  const problems = [];
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') {
      problems.push(`${message.type()}: ${message.text()}`);
    }
  });
  await page.exposeFunction('noteBreach', (/** @type {string} */ breach) => problems.push(`policy: ${breach}`));
  await page.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      Reflect.get(window, 'noteBreach')(`${event.violatedDirective} forbids ${event.blockedURI}`);
    });
  });
  return { page, problems };
}

/**
 * A message of the websocket, as far as the tests look into it.
 * @typedef {{
 *   type: string,
 *   payload?: {
 *     variables?: { after?: string, filter?: { outcomes?: string[] } },
 *     data?: { deliveryAttempts: { kind: string, cursor: string, skipped: number, attempts: { id: string }[] } },
 *   },
 * }} Message
 */

/**
 * Listens in on the page's websockets, and can cut the one that is open.
 * @param {import('playwright-core').Page} page
 */
export async function tapSockets(page) {
  /** @type {Message[]} */
  const sent = [];
  /** @type {Message[]} */
  const received = [];
  let cut = () => {};
  await page.routeWebSocket(/\/graphql$/, (socket) => {
    const server = socket.connectToServer();
    let whole = true;
    cut = () => {
      whole = false;
      void socket.close({ code: 1012, reason: 'cut by the test' });
      void server.close();
    };
    socket.onMessage((message) => {
      sent.push(JSON.parse(String(message)));
      server.send(message);
    });
    server.onMessage((message) => {
      if (whole) {
        received.push(JSON.parse(String(message)));
        socket.send(message);
      }
    });
  });
  return {
    /** The variables of each subscription that the page has begun. */
    subscriptions: () => sent.filter(({ type }) => type === 'subscribe').map(({ payload }) => payload?.variables ?? {}),
    /** The batches that the page has received. */
    batches: () =>
      received.flatMap(({ type, payload }) =>
        type === 'next' && payload?.data ? [payload.data.deliveryAttempts] : [],
      ),
    /** Cuts the open socket, as a network does. */
    cut: () => cut(),
  };
}
