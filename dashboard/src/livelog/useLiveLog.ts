import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import type { AttemptOutcome } from '../gql/graphql';
import { type Session, signOut } from '../session/session';
import type { Log } from './log';
import { createLiveLogStore, type View } from './store';
import { watchAttempts } from './stream';

/** The live log of a session's account, with what changes the log. Another choice of outcomes begins it anew. */
export function useLiveLog(
  session: Session,
  outcomes: readonly AttemptOutcome[],
): View & { update(change: (log: Log) => Log): void } {
  const [store] = useState(createLiveLogStore);
  // The choice by its content: the list itself is made anew with every rendering.
  const choice = outcomes.join();
  const chosen = useMemo(() => choice.split(',').filter((outcome) => outcome !== '') as AttemptOutcome[], [choice]);

  useEffect(() => {
    const stop = watchAttempts({
      session,
      outcomes: chosen,
      onBatch: store.receive,
      onConnection: store.connection,
      onRefused: signOut,
    });
    return () => {
      stop();
      store.reset();
    };
  }, [store, session, chosen]);

  const view = useSyncExternalStore(store.onChange, store.view);
  return { ...view, update: store.update };
}
