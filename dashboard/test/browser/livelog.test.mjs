// The dashboard in a real browser, against a real server with its demo account's traffic. Needs bin/hookline with the
// dashboard built in (`make dashboard build`) and Chromium; CHROMIUM names another one than /usr/bin/chromium.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { launch, openPage, tapSockets } from './browser.mjs';
import { account, key, Server } from './server.mjs';

const timeout = 15_000;

// What a sign-in link ends with.
const fragment = `#key=${key}&account=${account}`;

const server = new Server();
/** @type {import('playwright-core').Browser} */
let browser;

before(async () => {
  await server.start();
  browser = await launch();
});

after(async () => {
  await browser?.close();
  await server.remove();
});

/** Opens the live log by a sign-in link and waits until it has rows. */
async function openLog(path = '/') {
  const opened = await openPage(browser);
  opened.page.setDefaultTimeout(timeout);
  await opened.page.goto(`${server.url}${path}${fragment}`);
  await opened.page.getByRole('grid').waitFor();
  return opened;
}

/** @param {import('playwright-core').Page} page */
const rows = (page) => page.locator('[data-attempt]');

/** @param {import('playwright-core').Page} page */
const ids = (page) =>
  rows(page).evaluateAll((elements) =>
    elements
      .sort((a, b) => Number(a.getAttribute('aria-rowindex')) - Number(b.getAttribute('aria-rowindex')))
      .map((element) => element.getAttribute('data-attempt') ?? ''),
  );

/** @param {import('playwright-core').Page} page */
const status = (page) => page.getByRole('status').textContent();

/**
 * Waits until a condition holds.
 * @param {string} what
 * @param {() => boolean | Promise<boolean>} condition
 */
async function until(what, condition) {
  for (const deadline = Date.now() + timeout; !(await condition()); await delay(50)) {
    assert.ok(Date.now() < deadline, `waited in vain until ${what}`);
  }
}

describe('sign-in', () => {
  it('says that a key is wrong', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(server.url);
    await page.getByLabel('API key').fill(`hk_test_${'f'.repeat(32)}`);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: 'The API key is not valid.' }).waitFor();
    assert.equal(new URL(page.url()).pathname, '/signin');
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(withoutStatus(problems, 401), []);
    await page.context().close();
  });

  it('opens the live log with a right key, and ends with signing out', async () => {
    const { page, problems } = await openPage(browser);
    await page.goto(`${server.url}/signin`);
    await page.getByLabel('API key').fill(key);
    await page.getByRole('button', { name: 'Choose another account' }).click();
    await page.getByLabel('Account').fill(account);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Live log' }).waitFor();
    await page.getByTitle('The account that this page shows').getByText('Demo').waitFor();
    assert.equal(new URL(page.url()).pathname, '/');
    assert.equal(await page.evaluate(() => localStorage.getItem('hookline.session')), null);

    await page.reload();
    await page.getByRole('heading', { name: 'Live log' }).waitFor();

    await page.getByRole('button', { name: 'Who is signed in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByLabel('API key').waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('takes the key of a sign-in link and removes it from the address', async () => {
    const { page, problems } = await openLog('/?outcome=SUCCESS');
    assert.equal(page.url(), `${server.url}/?outcome=SUCCESS`);
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});

describe('a portal session', () => {
  it('opens its account by its link, keeps the key in this tab only, and ends when it is revoked', async () => {
    const session = await server.createPortalSession('LOG_READ', 'PAYLOADS_READ');
    assert.ok(session.url.startsWith(`${server.url}/#key=hk_`), session.url);
    const token = session.url.split('#key=')[1] ?? '';
    const { page, problems } = await openPage(browser);
    /** @type {string[]} */
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(session.url);
    await rows(page).first().waitFor({ timeout });
    assert.equal(page.url(), `${server.url}/`);
    assert.deepEqual(
      asked.filter((url) => url.includes(token)),
      [],
      'the key is in the URL of a request',
    );
    assert.equal(await page.evaluate(() => localStorage.getItem('hookline.session')), null);
    assert.ok((await page.evaluate(() => sessionStorage.getItem('hookline.session')))?.includes(token));
    await page.getByTitle('The account that this page shows').getByText('Demo').waitFor();
    await page.getByRole('button', { name: 'Who is signed in' }).click();
    const who = page.getByRole('dialog', { name: 'Who is signed in' });
    await who.getByText('Signed in by a link, as').waitFor();
    await who.getByText('A customer', { exact: true }).waitFor();
    await who.getByText(/^until /).waitFor();

    await server.ask('mutation ($id: ID!) { revokeApiKey(id: $id) { userErrors { message } } }', { id: session.id });
    await page
      .getByRole('alert')
      .filter({ hasText: 'The portal session has ended: open a new link.' })
      .waitFor({ timeout: 20_000 });
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(withoutStatus(problems, 401), []);
    await page.context().close();
  });

  it('takes the place of who is signed in when its link is opened on the page', async () => {
    const session = await server.createPortalSession('LOG_READ');
    const { page, problems } = await openLog();
    await page.evaluate((url) => location.assign(url), session.url);
    const token = session.url.split('#key=')[1] ?? '';
    const stored = () => page.evaluate(() => sessionStorage.getItem('hookline.session') ?? '');
    await until('the session is another one', async () => (await stored()).includes(token));
    assert.equal(page.url(), `${server.url}/`);
    await rows(page).first().waitFor({ timeout });
    await page.getByRole('button', { name: 'Who is signed in' }).click();
    await page.getByRole('dialog', { name: 'Who is signed in' }).getByText('A customer', { exact: true }).waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('cannot be used for another account', async () => {
    const session = await server.createPortalSession('LOG_READ');
    const { page, problems } = await openPage(browser);
    await page.goto(`${session.url}&account=default`);
    await page.getByRole('alert').filter({ hasText: 'may not act for the account' }).waitFor({ timeout });
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(withoutStatus(problems, 403), []);
    await page.context().close();
  });
});

describe('live log', () => {
  it('shows attempts as they end, the newest first', async () => {
    const { page, problems } = await openLog();
    await until('the page is live', async () => (await status(page)) === 'Live');
    const [first] = await ids(page);
    await until('a new row is on top', async () => (await ids(page))[0] !== first);
    const row = rows(page).first();
    assert.match((await row.textContent()) ?? '', /\d\d:\d\d:\d\d\.\d{3}/);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('has the server send only the outcomes that are chosen', async () => {
    const { page, problems } = await openPage(browser);
    const sockets = await tapSockets(page);
    await page.goto(`${server.url}${fragment}`);
    await rows(page).first().waitFor({ timeout });
    await page.getByRole('button', { name: 'All outcomes' }).click();
    await page.getByRole('checkbox', { name: 'Success' }).check();
    assert.equal(new URL(page.url()).search, '?outcome=SUCCESS');
    await until('the subscription asks for it', () => sockets.subscriptions().length === 2);
    assert.deepEqual(sockets.subscriptions()[1]?.filter, { outcomes: ['SUCCESS'] });
    await rows(page).first().waitFor({ timeout });
    for (const text of await rows(page).allTextContents()) {
      assert.match(text, /Success/);
    }

    await page.getByRole('checkbox', { name: 'Auth' }).check();
    await page.getByRole('checkbox', { name: 'Success' }).uncheck();
    await page.getByText('No attempts with these outcomes').waitFor();
    await page.getByRole('button', { name: 'Show all outcomes' }).click({ force: true });
    await rows(page).first().waitFor({ timeout });
    assert.equal(new URL(page.url()).search, '');
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('stands still while paused, counts what comes, and shows it on resuming', async () => {
    const { page, problems } = await openLog();
    await page.getByRole('button', { name: 'Pause' }).click();
    assert.equal(await status(page), 'Paused');
    const shown = await ids(page);
    await page.getByRole('button', { name: /^\d+ new$/ }).waitFor();
    assert.deepEqual(await ids(page), shown);
    await page.getByRole('button', { name: 'Resume' }).click();
    await until('the new rows are shown', async () => (await ids(page))[0] !== shown[0]);
    assert.equal(await page.getByRole('button', { name: /^\d+ new$/ }).count(), 0);
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('forgets its rows when it is cleared', async () => {
    const { page, problems } = await openLog();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Clear' }).click();
    assert.equal(await rows(page).count(), 0);
    await page.getByRole('button', { name: 'Resume' }).click();
    await rows(page).first().waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('goes on after a lost connection, with no gap and no duplicate', async () => {
    const { page, problems } = await openPage(browser);
    const sockets = await tapSockets(page);
    await page.goto(`${server.url}${fragment}`);
    await rows(page).first().waitFor({ timeout });
    const live = () => sockets.batches().filter(({ kind, attempts }) => kind !== 'BACKFILL' && attempts.length > 0);
    await until('the page is live', () => live().length >= 2);

    const cursor = sockets.batches().at(-1)?.cursor;
    sockets.cut();
    await until('the page has subscribed again', () => sockets.subscriptions().length === 2);
    assert.equal(sockets.subscriptions()[1]?.after, cursor);
    const before = live().length;
    await until('the page is live again', () => live().length >= before + 2);
    assert.equal(await status(page), 'Live');

    const received = () => sockets.batches().flatMap(({ attempts }) => attempts.map(({ id }) => id));
    const [oldest, newest] = [live()[0]?.attempts[0]?.id ?? '', received().at(-1) ?? ''];
    await until('the page has all that the log has', async () => {
      const logged = await loggedIds();
      const span = logged.slice(logged.indexOf(newest), logged.indexOf(oldest) + 1);
      return logged.includes(newest) && logged.includes(oldest) && span.every((id) => received().includes(id));
    });
    assert.equal(new Set(received()).size, received().length, 'an attempt came twice');
    assert.ok(live().every(({ kind }) => kind === 'LIVE'));
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});

/** The ids of the account's latest attempts, the newest first. */
async function loggedIds() {
  const data = await server.ask('{ deliveryAttempts(first: 100) { nodes { id } } }');
  /** @type {{ id: string }[]} */
  const nodes = data.deliveryAttempts.nodes;
  return nodes.map(({ id }) => id);
}

describe('attempt', () => {
  it('shows the request with its headers and its body', async () => {
    const { page, problems } = await openLog('/?outcome=SUCCESS');
    await rows(page).first().click();
    const drawer = page.getByRole('complementary', { name: 'Attempt' });
    await drawer.getByRole('heading', { name: 'Timing' }).waitFor();
    const event = await drawer.locator('dt:text-is("Event") + dd code').textContent();
    const header = drawer.getByRole('row').filter({ has: page.getByRole('rowheader', { name: /^webhook-id$/i }) });
    assert.equal(await header.getByRole('cell').textContent(), event);
    const body = JSON.parse((await drawer.locator('pre').textContent()) ?? '');
    assert.equal(body.id, event);

    await drawer.getByRole('tab', { name: 'Response' }).click();
    await drawer.getByText('Headers').waitFor();
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('is opened, changed and closed by keyboard', async () => {
    const { page, problems } = await openLog();
    await page.getByRole('button', { name: 'Pause' }).click();
    const [first, second] = await ids(page);
    const drawer = page.getByRole('complementary', { name: 'Attempt' });
    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await drawer.getByText(first ?? '', { exact: true }).waitFor();
    assert.equal(new URL(page.url()).searchParams.get('attempt'), first);

    await page.getByRole('grid').focus();
    await page.keyboard.press('ArrowDown');
    await drawer.getByText(second ?? '', { exact: true }).waitFor();
    await page.keyboard.press('Escape');
    await drawer.waitFor({ state: 'detached' });
    assert.equal(new URL(page.url()).search, '');
    assert.deepEqual(problems, []);
    await page.context().close();
  });
});

describe('an API key', () => {
  it('without PAYLOADS_READ sees attempts without their bodies', async () => {
    const { secret } = await server.createKey('LOG_READ');
    const { page, problems } = await openPage(browser);
    await page.goto(`${server.url}#key=${secret}`);
    await rows(page).first().click();
    const drawer = page.getByRole('complementary', { name: 'Attempt' });
    await drawer.getByText('It needs the scope PAYLOADS_READ.').waitFor();
    await drawer.getByRole('rowheader', { name: /^webhook-id$/i }).waitFor();
    assert.equal(await drawer.locator('pre').count(), 0);
    assert.deepEqual(withoutStatus(problems, 403), []);
    await page.context().close();
  });

  it('without LOG_READ is told that it may not read the log', async () => {
    const { secret } = await server.createKey('EVENTS_PUBLISH');
    const { page, problems } = await openPage(browser);
    await page.goto(`${server.url}#key=${secret}`);
    await page.getByRole('alert').filter({ hasText: 'It needs the scope LOG_READ.' }).waitFor();
    assert.equal(await status(page), 'Stopped');
    assert.deepEqual(problems, []);
    await page.context().close();
  });

  it('that is revoked signs the page out', async () => {
    const { id, secret } = await server.createKey('LOG_READ');
    const { page, problems } = await openPage(browser);
    await page.goto(`${server.url}#key=${secret}`);
    await rows(page).first().waitFor({ timeout });
    await server.ask('mutation ($id: ID!) { revokeApiKey(id: $id) { userErrors { message } } }', { id });
    await page.getByRole('alert').filter({ hasText: 'The API key has been revoked.' }).waitFor({ timeout: 20_000 });
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(withoutStatus(problems, 401), []);
    await page.context().close();
  });
});

/**
 * The problems but for the browser's own word that a request was answered with a status.
 * @param {string[]} problems
 * @param {number} code
 */
function withoutStatus(problems, code) {
  return problems.filter((problem) => !problem.includes(`responded with a status of ${code}`));
}

describe('a server that is started again', () => {
  it('finds the page come back by itself, without duplicates', async () => {
    const { page, problems } = await openPage(browser);
    const sockets = await tapSockets(page);
    await page.goto(`${server.url}${fragment}`);
    await rows(page).first().waitFor({ timeout });
    await until('the page is live', () => sockets.batches().some(({ kind }) => kind === 'LIVE'));

    await server.stop();
    await until('the page says so', async () => (await status(page)) === 'Reconnecting…');
    const [newest] = await ids(page);
    const known = sockets.batches().length;
    await server.start();
    await until('the page is live again', async () => (await status(page)) === 'Live');
    await until('there are new rows', async () => (await ids(page))[0] !== newest);

    const received = sockets
      .batches()
      .slice(known)
      .flatMap(({ attempts }) => attempts.map(({ id }) => id));
    const shownBefore = new Set(
      sockets
        .batches()
        .slice(0, known)
        .flatMap(({ attempts }) => attempts.map(({ id }) => id)),
    );
    assert.deepEqual(
      received.filter((id) => shownBefore.has(id)),
      [],
    );
    const shown = await ids(page);
    assert.equal(new Set(shown).size, shown.length);
    assert.deepEqual(
      problems.filter((problem) => !problem.includes('WebSocket connection to')),
      [],
    );
    await page.context().close();
  });
});
