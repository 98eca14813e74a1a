// Follows the live log as a dashboard does, with the graphql-ws client: over lost connections, from cursor to cursor. It prints a line
// of JSON for each batch: {joined, skipped, ids}, where joined marks the first one of a connection.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, key] = process.argv.slice(2);
const query = `subscription ($after: Cursor) {
  deliveryAttempts(after: $after, backfill: 0, maxPerSecond: 10000) { cursor skipped attempts { id } }
}`;
const say = (line) => console.log(JSON.stringify(line));

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  connectionParams: { authorization: `Bearer ${key}` },
  retryAttempts: 0, // the client would repeat the operation as it was, and begin anew
});

let after = null;
for (;;) {
  let joined = true;
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
      if (errors) {
        console.error(errors);
        process.exit(1);
      }
      const batch = data.deliveryAttempts;
      after = batch.cursor;
      say({ joined, skipped: batch.skipped, ids: batch.attempts.map((attempt) => attempt.id) });
      joined = false;
    }
    console.error('the live log came to its end');
    process.exit(1);
  } catch (error) {
    if (Array.isArray(error) || error.code === 4403) {
      console.error(error);
      process.exit(1);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
