import { Client, fetchExchange, mapExchange } from '@urql/core';
import { type Session, signOut } from '../session/session';
import { describeFailure, failureOf } from './failure';

/** The headers that tell the server who is asking, for which account, and that one answer is enough: no stream of them. */
function headers({ key, account }: Session): Record<string, string> {
  return {
    Accept: 'application/graphql-response+json, application/json',
    Authorization: `Bearer ${key}`,
    ...(account && { 'Hookline-Account': account }),
  };
}

/** A client that tries a session out and leaves it to the caller what a refusal means. */
export function probeClient(session: Session): Client {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'network-only',
    fetchOptions: { headers: headers(session) },
    exchanges: [fetchExchange],
  });
}

/** A client for a session that has been verified: should the key be refused later, it ends the session. */
export function sessionClient(session: Session): Client {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    requestPolicy: 'network-only',
    fetchOptions: { headers: headers(session) },
    exchanges: [
      mapExchange({
        onError(error) {
          const failure = failureOf(error);
          if (failure.code === 'UNAUTHENTICATED') {
            signOut(describeFailure(failure));
          }
        },
      }),
      fetchExchange,
    ],
  });
}
