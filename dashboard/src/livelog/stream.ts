import { stringifyDocument } from '@urql/core';
import { createClient, type Client as SocketClient } from 'graphql-ws';
import { describeFailure, type Failure, failureOfErrors } from '../api/failure';
import { graphql } from '../gql';
import type { AttemptOutcome, LiveAttemptsSubscription, LiveAttemptsSubscriptionVariables } from '../gql/graphql';
import type { Session } from '../session/session';
import { verify } from '../session/viewer';
import type { Batch } from './log';

const LiveAttempts = graphql(`
  subscription LiveAttempts($filter: AttemptFilter, $after: Cursor, $backfill: Int!, $maxPerSecond: Int!) {
    deliveryAttempts(filter: $filter, after: $after, backfill: $backfill, maxPerSecond: $maxPerSecond) {
      kind
      cursor
      matched
      skipped
      attempts {
        id
        startedAt
        outcome
        statusCode
        eventType
        subscription {
          id
          name
        }
        number
        timing {
          totalMs
        }
      }
    }
  }
`);

/** How many of the latest attempts the log begins with. */
const backfill = 200;
/** The server samples above this rate: as many as the log can hold for a second. */
const maxPerSecond = 5_000;

/** How the live log is connected. */
export type Connection =
  | { readonly state: 'connecting' | 'live' | 'reconnecting' }
  | { readonly state: 'failed'; readonly failure: Failure };

export interface Watch {
  readonly session: Session;
  /** Only attempts with one of these outcomes; all when empty. */
  readonly outcomes: readonly AttemptOutcome[];
  onBatch(batch: Batch): void;
  onConnection(connection: Connection): void;
  /** The server no longer takes the key; the watch has ended. */
  onRefused(notice: string): void;
}

/**
 * Watches the account's attempts until the returned function is called. When the connection is lost it comes back by itself
 * and goes on after the last batch that arrived.
 */
export function watchAttempts({ session, outcomes, onBatch, onConnection, onRefused }: Watch): () => void {
  let cursor: string | undefined;
  let stopped = false;
  let subscribed = false;
  let release = () => {};
  let again: ReturnType<typeof setTimeout> | undefined;

  const client = socketClient(session);
  client.on('connected', () => report({ state: 'live' }));
  client.on('closed', () => {
    // The client comes back by itself for a subscription that goes on, and closes the socket when none does.
    if (subscribed) {
      report({ state: 'reconnecting' });
    }
  });

  function report(connection: Connection) {
    if (!stopped) {
      onConnection(connection);
    }
  }

  function subscribe() {
    subscribed = true;
    release = client.subscribe<LiveAttemptsSubscription>(
      {
        query: stringifyDocument(LiveAttempts),
        operationName: 'LiveAttempts',
        // Read anew by the client each time that it subscribes, after every reconnection too.
        get variables() {
          const filter = outcomes.length > 0 ? { outcomes: [...outcomes] } : undefined;
          const variables: LiveAttemptsSubscriptionVariables = { filter, after: cursor, backfill, maxPerSecond };
          return { ...variables };
        },
      },
      { next, error: ended, complete: () => ended(undefined) },
    );
  }

  function next({ data, errors }: { data?: LiveAttemptsSubscription | null; errors?: readonly { message: string }[] }) {
    if (stopped) {
      return;
    }
    if (data) {
      cursor = data.deliveryAttempts.cursor;
      onBatch(data.deliveryAttempts);
      report({ state: 'live' });
    } else if (errors) {
      release();
      ended(errors);
    }
  }

  // The subscription is over though the connection may not be: the server has ended it, or has refused it.
  function ended(reason: unknown) {
    if (stopped || !subscribed) {
      return;
    }
    subscribed = false;
    if (isRefusal(reason)) {
      void askWhy();
    } else if (Array.isArray(reason)) {
      fail(failureOfErrors(reason));
    } else {
      report({ state: 'reconnecting' });
      subscribeIn(250);
    }
  }

  // A socket is closed alike for a key that has stopped working and for a server that cannot tell: the API says which it is.
  async function askWhy() {
    report({ state: 'reconnecting' });
    const failure = await verify(session);
    if (stopped) {
      return;
    }
    if (failure && refusals.has(failure.code)) {
      refuse(failure);
    } else {
      subscribeIn(2_000);
    }
  }

  function fail(failure: Failure) {
    if (failure.code === 'UNAUTHENTICATED') {
      refuse(failure);
      return;
    }
    if (failure.code === 'BAD_USER_INPUT' && cursor !== undefined) {
      // The server has changed so that the cursor says nothing to it: the log begins anew.
      cursor = undefined;
      subscribeIn(0);
      return;
    }
    report({ state: 'failed', failure });
    // What is forbidden stays so, until the key is another.
    if (failure.code !== 'FORBIDDEN') {
      subscribeIn(5_000);
    }
  }

  function refuse(failure: Failure) {
    stop();
    onRefused(describeFailure(failure));
  }

  function subscribeIn(ms: number) {
    clearTimeout(again);
    again = setTimeout(subscribe, ms);
  }

  function stop() {
    stopped = true;
    clearTimeout(again);
    release();
    void client.dispose();
  }

  onConnection({ state: 'connecting' });
  subscribe();
  return stop;
}

/** The codes with which the API refuses a key, or the account that it was to act for. */
const refusals = new Set(['UNAUTHENTICATED', 'FORBIDDEN', 'NOT_FOUND']);

/** Whether the server closed the socket because of who we are. */
function isRefusal(reason: unknown): boolean {
  return reason instanceof CloseEvent && (reason.code === 4401 || reason.code === 4403);
}

function socketClient(session: Session): SocketClient {
  let unanswered: ReturnType<typeof setTimeout> | undefined;
  const client = createClient({
    url: new URL('/graphql', location.href.replace(/^http/, 'ws')).href,
    connectionParams: { authorization: `Bearer ${session.key}`, account: session.account },
    connectionAckWaitTimeout: 10_000,
    retryAttempts: Number.POSITIVE_INFINITY,
    shouldRetry: (reason) => !isRefusal(reason),
    retryWait,
    // A connection that died without a word, as when a laptop sleeps, is found out by its silence.
    keepAlive: 10_000,
    on: {
      ping(received) {
        if (!received) {
          unanswered = setTimeout(() => client.terminate(), 5_000);
        }
      },
      pong(received) {
        if (received) {
          clearTimeout(unanswered);
        }
      },
      closed() {
        clearTimeout(unanswered);
      },
    },
  });
  return client;
}

/** Waits 1/4 s and twice as long each time, up to 4 s, ± 20 %; not at all once the network is back. */
function retryWait(retries: number): Promise<void> {
  const delay = Math.min(4_000, 250 * 2 ** retries) * (0.8 + 0.4 * Math.random());
  return new Promise((resolve) => {
    function done() {
      clearTimeout(timer);
      removeEventListener('online', done);
      resolve();
    }
    const timer = setTimeout(done, delay);
    addEventListener('online', done);
  });
}
