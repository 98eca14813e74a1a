import type { CombinedError } from '@urql/core';

/** Why a request came to nothing, in the API's codes; UNREACHABLE when no answer came at all. */
export interface Failure {
  readonly code: string;
  /** For people: what is wrong. */
  readonly message: string;
  /** Finds the request in the server's log. */
  readonly requestId?: string;
}

/** The part of a GraphQL error that failures are made of. */
interface ErrorLike {
  readonly message: string;
  readonly extensions?: Readonly<Record<string, unknown>>;
}

const unreachable: Failure = { code: 'UNREACHABLE', message: 'The server cannot be reached.' };

/** Makes a failure of the first error in an answer. */
export function failureOfErrors(errors: readonly ErrorLike[]): Failure {
  const [error] = errors;
  if (!error) {
    return unreachable;
  }
  const { code, requestId } = error.extensions ?? {};
  return {
    code: typeof code === 'string' ? code : 'UNKNOWN',
    message: error.message,
    requestId: typeof requestId === 'string' ? requestId : undefined,
  };
}

/** Makes a failure of what the GraphQL client reports. */
export function failureOf(error: CombinedError): Failure {
  return failureOfErrors(error.graphQLErrors);
}

/** Says a failure to a person, as a sentence, with the request's id if there is one to quote. */
export function describeFailure({ message, requestId }: Failure): string {
  const sentence = message.replace(/^not authenticated: /, '').replace(/[^.!?]$/, '$&.');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${requestId ? ` (Request ${requestId}.)` : ''}`;
}
