import { countBatch, type Second } from './activity';
import { type Batch, begin, clear, emptyLog, type Log, type Row, receive, rowLimit, rowsOf } from './log';
import type { Connection } from './stream';

/** What the page draws. */
export interface View {
  readonly log: Log;
  readonly connection: Connection;
  readonly activity: readonly Second[];
}

/** Holds the live log outside React and shows what has come once per frame, however much that is. */
export interface LiveLogStore {
  view(): View;
  onChange(listener: () => void): () => void;
  receive(batch: Batch): void;
  connection(connection: Connection): void;
  update(change: (log: Log) => Log): void;
  /** Forgets all that has come, for another stream to begin. */
  reset(): void;
}

export function createLiveLogStore(): LiveLogStore {
  let view: View = { log: emptyLog, connection: { state: 'connecting' }, activity: [] };
  let arrived: Row[] = [];
  let activity = view.activity;
  let frame: number | undefined;
  const listeners = new Set<() => void>();

  function set(next: View) {
    view = next;
    for (const listener of listeners) {
      listener();
    }
  }

  function flush() {
    if (frame !== undefined) {
      cancelAnimationFrame(frame);
      frame = undefined;
    }
    const rows = arrived;
    arrived = [];
    set({ ...view, log: receive(view.log, rows), activity });
  }

  return {
    view: () => view,
    onChange(listener) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    receive(batch) {
      if (batch.kind === 'BACKFILL') {
        set({ ...view, log: begin(view.log, rowsOf(batch)) });
        return;
      }
      arrived.push(...rowsOf(batch));
      activity = countBatch(activity, batch, Date.now());
      // A page in the background gets no frames: it must not pile up more than the log can hold.
      if (arrived.length >= rowLimit) {
        flush();
      } else {
        frame ??= requestAnimationFrame(flush);
      }
    },
    connection(connection) {
      if (connection.state !== view.connection.state || connection.state === 'failed') {
        set({ ...view, connection });
      }
    },
    update(change) {
      flush();
      set({ ...view, log: change(view.log) });
    },
    reset() {
      arrived = [];
      activity = [];
      set({ ...view, log: clear(view.log), activity });
    },
  };
}
