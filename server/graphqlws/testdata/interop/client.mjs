// What TestInterop has the graphql-ws client do, as the dashboard does in a browser. It prints a line for each thing that
// the test waits for.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const url = process.argv[2];
const say = (what, value) => console.log(`${what} ${JSON.stringify(value)}`);

// connect makes a client that connects again at once, and resolves ponged when the server has answered a ping.
function connect(authorization, options) {
  let pong;
  const ponged = new Promise((resolve) => (pong = resolve));
  const client = createClient({
    url,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    lazyCloseTimeout: 500,
    retryWait: async () => {},
    ...options,
    on: { pong: (received) => received && pong() },
  });
  return { client, ponged };
}

// follow prints every result and how the operation ended; stop after the given number of results.
function follow(client, what, query, stopAfter) {
  return new Promise((resolve) => {
    let results = 0;
    const dispose = client.subscribe(
      { query },
      {
        next: (result) => {
          say(what, result.data);
          if (++results === stopAfter) dispose();
        },
        error: (error) => {
          say(`${what} error`, Array.isArray(error) ? error.map((e) => e.message) : [error.code, error.reason]);
          resolve();
        },
        complete: () => {
          say(`${what} complete`, results);
          resolve();
        },
      },
    );
  });
}

const refused = connect('Bearer hk_bad', { retryAttempts: 0 });
await follow(refused.client, 'refused', '{ hello }');

const { client, ponged } = connect('Bearer hk_good', { keepAlive: 10 });
await follow(client, 'query', '{ hello }');
await follow(client, 'mutation', 'mutation { touch }');
await follow(client, 'invalid', '{ nothing }');
await follow(client, 'stopped', 'subscription { other }', 2);
await ponged;
say('ponged', true);
await follow(client, 'feed', 'subscription { feed }'); // over two servers, one after the other
await client.dispose();
