import { describe, expect, it } from 'vitest';
import { countBatch, lastMinute, rateOf, span } from './activity';
import type { Batch } from './log';

function batch(kind: Batch['kind'], succeeded: number, failed: number, skipped = 0): Batch {
  const attempt = (outcome: 'SUCCESS' | 'TIMEOUT') => ({
    id: 'att_1',
    startedAt: '2026-03-01T12:00:00Z',
    outcome,
    statusCode: null,
    eventType: 'sms.delivery',
    subscription: null,
    number: 1,
    timing: { totalMs: 1 },
  });
  const attempts = [
    ...Array.from({ length: succeeded }, () => attempt('SUCCESS')),
    ...Array.from({ length: failed }, () => attempt('TIMEOUT')),
  ];
  return { kind, cursor: 'c', attempts, matched: attempts.length + skipped, skipped };
}

describe('countBatch', () => {
  it('adds up what comes in the same second', () => {
    const seconds = countBatch(countBatch([], batch('LIVE', 2, 1), 10_100), batch('SAMPLED', 1, 0, 5), 10_900);
    expect(seconds).toEqual([{ at: 10, succeeded: 3, failed: 1, skipped: 5 }]);
  });
  it('does not count what was there before', () => {
    expect(countBatch([], batch('BACKFILL', 200, 0), 10_000)).toEqual([]);
  });
  it('forgets what is older than a minute', () => {
    const seconds = countBatch(countBatch([], batch('LIVE', 1, 0), 10_000), batch('LIVE', 1, 0), 10_000 + span * 1000);
    expect(seconds.map((second) => second.at)).toEqual([70]);
  });
});

describe('lastMinute', () => {
  it('has every second up to now', () => {
    const minute = lastMinute(countBatch([], batch('LIVE', 4, 0), 99_000), 100_000);
    expect(minute).toHaveLength(span);
    expect(minute.at(-1)).toEqual({ at: 100, succeeded: 0, failed: 0, skipped: 0 });
    expect(minute.at(-2)?.succeeded).toBe(4);
  });
});

describe('rateOf', () => {
  it('averages the last five whole seconds, skipped attempts too', () => {
    let seconds = countBatch([], batch('LIVE', 100, 0), 94_000);
    seconds = countBatch(seconds, batch('SAMPLED', 5, 5, 10), 96_000);
    seconds = countBatch(seconds, batch('LIVE', 30, 0), 99_000);
    seconds = countBatch(seconds, batch('LIVE', 100, 0), 100_000);
    expect(rateOf(seconds, 100_400)).toBe(10);
  });
});
