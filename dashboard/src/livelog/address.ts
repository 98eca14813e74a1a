import type { AttemptOutcome } from '../gql/graphql';
import { isOutcome, outcomes } from './outcome';

/** What the page's address says: it can be kept, sent to somebody, and gone back to. */
export interface LogAddress {
  /** The outcomes to show, in the schema's order; all when empty. */
  readonly outcomes: readonly AttemptOutcome[];
  /** The id of the attempt that is open. */
  readonly attempt?: string;
}

/** Reads the query part of an address (`?outcome=TIMEOUT&outcome=DNS&attempt=att_…`); what it does not know it ignores. */
export function parseAddress(search: string): LogAddress {
  const parameters = new URLSearchParams(search);
  const wanted = new Set(parameters.getAll('outcome').filter(isOutcome));
  return {
    outcomes: wanted.size === outcomes.length ? [] : outcomes.filter((outcome) => wanted.has(outcome)),
    attempt: parameters.get('attempt') || undefined,
  };
}

/** Writes the query part of an address: empty when there is nothing to say. */
export function formatAddress(address: LogAddress): string {
  const parameters = new URLSearchParams();
  for (const outcome of address.outcomes) {
    parameters.append('outcome', outcome);
  }
  if (address.attempt) {
    parameters.set('attempt', address.attempt);
  }
  return parameters.size > 0 ? `?${parameters}` : '';
}
