import type { AttemptOutcome } from '../gql/graphql';

/** The colour family of an outcome. */
export type Tone = 'good' | 'bad' | 'warning' | 'network' | 'neutral';

export interface OutcomeWords {
  readonly label: string;
  readonly tone: Tone;
  /** The schema's words for it. */
  readonly description: string;
}

export const outcomeWords: Readonly<Record<AttemptOutcome, OutcomeWords>> = {
  SUCCESS: { label: 'Success', tone: 'good', description: 'The endpoint took the notification.' },
  HTTP_ERROR: { label: 'HTTP error', tone: 'bad', description: 'The status code was not one of success.' },
  RESPONSE_MISMATCH: {
    label: 'Response mismatch',
    tone: 'bad',
    description: 'The response did not match the profile’s regular expressions.',
  },
  TIMEOUT: {
    label: 'Timeout',
    tone: 'warning',
    description: 'Connecting, or waiting for the response, took too long.',
  },
  DNS: { label: 'DNS', tone: 'network', description: 'The host’s name could not be resolved.' },
  CONNECT: { label: 'Connect', tone: 'network', description: 'The connection was refused, reset or broken.' },
  TLS: { label: 'TLS', tone: 'network', description: 'The TLS handshake failed.' },
  AUTH: { label: 'Auth', tone: 'network', description: 'The credentials for the webhook could not be had.' },
  BLOCKED: {
    label: 'Blocked',
    tone: 'warning',
    description: 'The address is one to which Hookline never sends.',
  },
  INTERRUPTED: {
    label: 'Interrupted',
    tone: 'neutral',
    description: 'The worker stopped in its middle; the request may have arrived.',
  },
  CANCELLED: { label: 'Cancelled', tone: 'neutral', description: 'It was called off.' },
};

/** All outcomes, in the schema's order. */
export const outcomes = Object.keys(outcomeWords) as readonly AttemptOutcome[];

/** All outcomes but success. */
export const failures: readonly AttemptOutcome[] = outcomes.filter((outcome) => outcome !== 'SUCCESS');

export function isOutcome(value: string): value is AttemptOutcome {
  return Object.hasOwn(outcomeWords, value);
}
