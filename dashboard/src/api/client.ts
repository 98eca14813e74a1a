import { Client, fetchExchange, mapExchange } from '@urql/core';
import { type Session, signOut } from '../session/session';
import { failureOf } from './failure';

/** Said on the sign-in page to whom the server has stopped to know. */
export const keyRefused = 'The API key has stopped working: it has expired or was revoked.';

/** The headers that tell the server who is asking, and for which account. */
function headers(session: Session): Record<string, string> {
  return { Authorization: `Bearer ${session.key}`, 'Hookline-Account': session.account };
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
          if (failureOf(error).code === 'UNAUTHENTICATED') {
            signOut(keyRefused);
          }
        },
      }),
      fetchExchange,
    ],
  });
}
