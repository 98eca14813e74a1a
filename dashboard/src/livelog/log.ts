import type { LiveAttemptsSubscription } from '../gql/graphql';

/** Some rows of the stream, or word of why there are none. */
export type Batch = LiveAttemptsSubscription['deliveryAttempts'];

/** One attempt, as the live log shows it. */
export type LiveAttempt = Batch['attempts'][number];

/** A row of the live log: an attempt, or the place where attempts were skipped. */
export type Row =
  | { readonly kind: 'attempt'; readonly id: string; readonly attempt: LiveAttempt }
  | { readonly kind: 'skipped'; readonly id: string; readonly reason: 'GAP' | 'SAMPLED'; readonly count: number };

/** What the live log holds. Row lists are newest first and no longer than the limit. */
export interface Log {
  readonly rows: readonly Row[];
  /** While held, new rows wait here and the shown ones stand still. */
  readonly held: boolean;
  readonly waiting: readonly Row[];
  /** How many attempts have come while held, those beyond the limit too. */
  readonly unseen: number;
}

/** How many rows are kept; older ones fall out. */
export const rowLimit = 5_000;

export const emptyLog: Log = { rows: [], held: false, waiting: [], unseen: 0 };

/** The rows that a batch stands for, oldest first, as in the stream. */
export function rowsOf(batch: Batch): Row[] {
  const rows: Row[] = [];
  if (batch.kind === 'GAP' || (batch.kind === 'SAMPLED' && batch.skipped > 0)) {
    rows.push({ kind: 'skipped', id: `skipped ${batch.cursor}`, reason: batch.kind, count: batch.skipped });
  }
  for (const attempt of batch.attempts) {
    rows.push({ kind: 'attempt', id: attempt.id, attempt });
  }
  return rows;
}

/** Adds rows that have come, oldest first. A row that the log has already is not added again. */
export function receive(log: Log, arrived: readonly Row[]): Log {
  const fresh = freshRows(log, arrived);
  if (fresh.length === 0) {
    return log;
  }
  if (!log.held) {
    return { ...log, rows: bounded(fresh, log.rows) };
  }
  const attempts = fresh.filter((row) => row.kind === 'attempt').length;
  return { ...log, waiting: bounded(fresh, log.waiting), unseen: log.unseen + attempts };
}

/** Adds the rows with which a stream begins, oldest first. They are shown even while the log is held: they are not new. */
export function begin(log: Log, backfill: readonly Row[]): Log {
  return { ...log, rows: bounded(freshRows(log, backfill), log.rows) };
}

/** The rows that the log does not have yet, newest first. */
function freshRows(log: Log, arrived: readonly Row[]): Row[] {
  const known = new Set<string>();
  for (const rows of [log.waiting, log.rows]) {
    for (const row of rows) {
      known.add(row.id);
    }
  }
  const fresh: Row[] = [];
  for (const row of arrived) {
    if (!known.has(row.id)) {
      known.add(row.id);
      fresh.push(row);
    }
  }
  return fresh.reverse();
}

/** Holds the shown rows still, or lets them go on, with what has come meanwhile. */
export function hold(log: Log, held: boolean): Log {
  if (log.held === held) {
    return log;
  }
  return { ...(held ? log : show(log)), held };
}

/** Shows what has come while held, and goes on holding. */
export function show(log: Log): Log {
  return { ...log, rows: bounded(log.waiting, log.rows), waiting: [], unseen: 0 };
}

/** Forgets all rows. */
export function clear(log: Log): Log {
  return { ...emptyLog, held: log.held };
}

function bounded(newer: readonly Row[], older: readonly Row[]): Row[] {
  return newer.length >= rowLimit ? newer.slice(0, rowLimit) : newer.concat(older.slice(0, rowLimit - newer.length));
}
