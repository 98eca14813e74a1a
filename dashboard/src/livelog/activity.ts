import type { Batch } from './log';

/** What one second brought. */
export interface Second {
  /** Which second: since 1970-01-01T00:00:00Z. */
  readonly at: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Attempts that the server did not send, of which the outcome is not known. */
  readonly skipped: number;
}

/** How many seconds are remembered. */
export const span = 60;

/** Counts a batch that came at `now` (milliseconds since 1970). Attempts from before the stream was joined do not count. */
export function countBatch(seconds: readonly Second[], batch: Batch, now: number): readonly Second[] {
  if (batch.kind === 'BACKFILL' || batch.attempts.length + batch.skipped === 0) {
    return seconds;
  }
  const at = Math.floor(now / 1000);
  const last = seconds.at(-1);
  const before = last?.at === at ? last : { at, succeeded: 0, failed: 0, skipped: 0 };
  const succeeded = batch.attempts.filter((attempt) => attempt.outcome === 'SUCCESS').length;
  const counted = {
    at,
    succeeded: before.succeeded + succeeded,
    failed: before.failed + batch.attempts.length - succeeded,
    skipped: before.skipped + batch.skipped,
  };
  return [...seconds.filter((second) => second.at < at && second.at > at - span), counted];
}

/** The last minute up to and with the second of `now`, with zeros where nothing came; the oldest second first. */
export function lastMinute(seconds: readonly Second[], now: number): readonly Second[] {
  const end = Math.floor(now / 1000);
  const byTime = new Map(seconds.map((second) => [second.at, second]));
  return Array.from({ length: span }, (_, i) => {
    const at = end - span + 1 + i;
    return byTime.get(at) ?? { at, succeeded: 0, failed: 0, skipped: 0 };
  });
}

/** Attempts per second, averaged over the last five whole seconds. */
export function rateOf(seconds: readonly Second[], now: number): number {
  const end = Math.floor(now / 1000);
  let attempts = 0;
  for (const { at, succeeded, failed, skipped } of seconds) {
    if (at >= end - 5 && at < end) {
      attempts += succeeded + failed + skipped;
    }
  }
  return attempts / 5;
}
