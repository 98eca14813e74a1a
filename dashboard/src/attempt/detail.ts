import type { Client } from '@urql/core';
import { useEffect, useState } from 'react';
import { useClient } from 'urql';
import { type Failure, failureOf } from '../api/failure';
import { graphql } from '../gql';
import type { AttemptQuery } from '../gql/graphql';

graphql(`
  fragment AttemptDetail on DeliveryAttempt {
    id
    delivery {
      id
      status
      nextAttemptAt
      attempts {
        id
        number
        outcome
        statusCode
        startedAt
        timing {
          totalMs
        }
      }
    }
    eventId
    eventType
    subscription {
      id
      name
    }
    number
    trigger
    outcome
    statusCode
    startedAt
    timing {
      queuedMs
      dnsMs
      connectMs
      tlsMs
      firstByteMs
      totalMs
      connectionReused
    }
    url
    request {
      headers {
        name
        value
      }
    }
    response {
      headers {
        name
        value
      }
    }
    remoteAddress
    tlsVersion
    batchSize
    error
    hint
    nextAttemptAt
  }
`);

const WithBodies = graphql(`
  query Attempt($id: ID!) {
    deliveryAttempt(id: $id) {
      ...AttemptDetail
      request {
        body {
          contentType
          text
          base64
          sizeBytes
          truncated
        }
      }
      response {
        body {
          contentType
          text
          base64
          sizeBytes
          truncated
        }
      }
    }
  }
`);

const WithoutBodies = graphql(`
  query AttemptWithoutBodies($id: ID!) {
    deliveryAttempt(id: $id) {
      ...AttemptDetail
    }
  }
`);

type WithBodies = NonNullable<AttemptQuery['deliveryAttempt']>;
export type MessageDetail = WithBodies['request'];
export type BodyDetail = NonNullable<MessageDetail['body']>;

/** An attempt with all that is known about it. Its messages have no bodies when the key may not read them. */
export type AttemptDetail = Omit<WithBodies, 'request' | 'response'> & {
  readonly request: Omit<MessageDetail, 'body'> & Partial<Pick<MessageDetail, 'body'>>;
  readonly response?: (Omit<MessageDetail, 'body'> & Partial<Pick<MessageDetail, 'body'>>) | null;
};

export type AttemptState =
  | { readonly state: 'loading' | 'missing' }
  | { readonly state: 'failed'; readonly failure: Failure }
  | { readonly state: 'loaded'; readonly attempt: AttemptDetail; readonly bodies: boolean };

// The live log shows attempts before they are archived: one that is not there yet is asked for again.
const askAgainMs = 400;
const askTimes = 5;

/** Fetches an attempt; without its bodies when the key lacks the scope to read payloads. */
export function useAttempt(id: string): AttemptState {
  const client = useClient();
  const [found, setFound] = useState<{ readonly id: string; readonly state: AttemptState }>();
  useEffect(() => {
    let again: ReturnType<typeof setTimeout> | undefined;
    let wanted = true;
    async function ask(times: number) {
      const state = await fetchAttempt(client, id);
      if (!wanted) {
        return;
      }
      if (state.state === 'missing' && times > 1) {
        again = setTimeout(ask, askAgainMs, times - 1);
      } else {
        setFound({ id, state });
      }
    }
    void ask(askTimes);
    return () => {
      wanted = false;
      clearTimeout(again);
    };
  }, [client, id]);
  return found?.id === id ? found.state : { state: 'loading' };
}

async function fetchAttempt(client: Client, id: string): Promise<AttemptState> {
  const full = await client.query(WithBodies, { id }).toPromise();
  const refused = full.error && failureOf(full.error).code === 'FORBIDDEN';
  const { data, error } = refused ? await client.query(WithoutBodies, { id }).toPromise() : full;
  if (error) {
    return { state: 'failed', failure: failureOf(error) };
  }
  const attempt = data?.deliveryAttempt;
  return attempt ? { state: 'loaded', attempt, bodies: !refused } : { state: 'missing' };
}
