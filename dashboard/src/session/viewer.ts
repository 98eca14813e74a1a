import { probeClient } from '../api/client';
import { type Failure, failureOf } from '../api/failure';
import { graphql } from '../gql';
import type { Session } from './session';

export const ViewerQuery = graphql(`
  query Viewer {
    viewer {
      account {
        key
        name
      }
      keyName
      keyKind
      expiresAt
      scopes
      version
    }
  }
`);

/** Asks the server whether it knows the session's key and account; undefined when it does. */
export async function verify(session: Session): Promise<Failure | undefined> {
  const { error } = await probeClient(session).query(ViewerQuery, {}).toPromise();
  return error && failureOf(error);
}
