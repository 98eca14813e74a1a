// Sends an operation to /graphql and shows the answer, or the answers of a subscription as they come.
'use strict';

const element = (id) => document.getElementById(id);
let running = null;

element('request').addEventListener('submit', (event) => {
  event.preventDefault();
  run();
});
element('stop').addEventListener('click', () => running?.abort());
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    element('request').requestSubmit();
  }
});

async function run() {
  running?.abort();
  const controller = new AbortController();
  running = controller;
  show('Running …', '');
  element('stop').hidden = false;
  try {
    await execute(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) {
      show('Failed', String(error));
    }
  } finally {
    if (running === controller) {
      running = null;
      element('stop').hidden = true;
    }
  }
}

async function execute(signal) {
  const query = element('query').value;
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${element('key').value.trim()}` };
  const account = element('account').value.trim();
  if (account) {
    headers['Hookline-Account'] = account;
  }
  const streaming = /^\s*subscription\b/m.test(query);
  headers.Accept = streaming ? 'text/event-stream' : 'application/graphql-response+json';
  const variables = JSON.parse(element('variables').value || '{}');
  const started = performance.now();
  const response = await fetch('/graphql', { method: 'POST', headers, body: JSON.stringify({ query, variables }), signal });
  if ((response.headers.get('Content-Type') ?? '').startsWith('text/event-stream')) {
    await readEvents(response);
    return;
  }
  const text = await response.text();
  show(`${response.status} · ${Math.round(performance.now() - started)} ms`, pretty(text));
}

async function readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  let count = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) {
      return;
    }
    const events = (rest + value).split('\n\n');
    rest = events.pop();
    for (const event of events) {
      const data = /^data: (.+)$/m.exec(event)?.[1];
      if (data) {
        count += 1;
        show(`Event ${count}`, pretty(data));
      }
    }
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function show(status, text) {
  element('status').textContent = status;
  element('response').textContent = text;
}
