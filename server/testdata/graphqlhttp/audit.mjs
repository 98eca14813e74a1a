// Audits a GraphQL endpoint by the GraphQL over HTTP specification: node audit.mjs URL API-KEY. Prints a line for each audit.
import { serverAudits } from 'graphql-http';

const [url, key] = process.argv.slice(2);
const fetchFn = (input, init) => fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${key}` } });

for (const audit of serverAudits({ url, fetchFn })) {
  const result = await audit.fn();
  console.log(JSON.stringify({ id: audit.id, name: audit.name, status: result.status, reason: result.reason ?? '' }));
}
