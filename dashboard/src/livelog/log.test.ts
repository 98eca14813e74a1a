import { describe, expect, it } from 'vitest';
import {
  type Batch,
  begin,
  clear,
  emptyLog,
  hold,
  type LiveAttempt,
  type Log,
  receive,
  rowLimit,
  rowsOf,
  show,
} from './log';

function attempt(id: string): LiveAttempt {
  return {
    id,
    startedAt: '2026-03-01T12:00:00.123Z',
    outcome: 'SUCCESS',
    statusCode: 200,
    eventType: 'sms.delivery',
    subscription: { id: 'sub_1', name: 'Reports' },
    number: 1,
    timing: { totalMs: 12 },
  };
}

function batch(kind: Batch['kind'], ids: string[], skipped = 0): Batch {
  return { kind, cursor: `c${ids.join()}`, attempts: ids.map(attempt), matched: ids.length + skipped, skipped };
}

const received = (log: Log, ...ids: string[]) => receive(log, rowsOf(batch('LIVE', ids)));
const ids = (rows: Log['rows']) => rows.map((row) => row.id);
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `att_${from + i}`);

describe('rowsOf', () => {
  it('gives one row for each attempt, oldest first', () => {
    expect(ids(rowsOf(batch('LIVE', ['a', 'b'])))).toEqual(['a', 'b']);
  });
  it('puts the skipped attempts of a sampled batch before its newest ones', () => {
    const [first, second] = rowsOf(batch('SAMPLED', ['a'], 7));
    expect(first).toMatchObject({ kind: 'skipped', reason: 'SAMPLED', count: 7 });
    expect(second).toMatchObject({ kind: 'attempt', id: 'a' });
  });
  it('says that there is a gap even when its size is not known', () => {
    expect(rowsOf(batch('GAP', []))).toMatchObject([{ kind: 'skipped', reason: 'GAP', count: 0 }]);
  });
  it('makes nothing of a heartbeat, nor of older attempts that a backfill left out', () => {
    expect(rowsOf(batch('HEARTBEAT', []))).toEqual([]);
    expect(ids(rowsOf(batch('BACKFILL', ['a'], 3)))).toEqual(['a']);
  });
});

describe('receive', () => {
  it('shows the newest first', () => {
    expect(ids(received(received(emptyLog, 'a', 'b'), 'c').rows)).toEqual(['c', 'b', 'a']);
  });
  it('adds no attempt twice', () => {
    const log = received(emptyLog, 'a', 'b');
    expect(ids(received(log, 'b', 'c', 'c').rows)).toEqual(['c', 'b', 'a']);
    expect(received(log, 'a')).toBe(log);
  });
  it('keeps the newest rows when there are more than the limit', () => {
    const log = received(received(emptyLog, ...numbers(0, rowLimit)), ...numbers(rowLimit, rowLimit + 10));
    expect(log.rows).toHaveLength(rowLimit);
    expect(log.rows[0]?.id).toBe(`att_${rowLimit + 9}`);
    expect(log.rows.at(-1)?.id).toBe('att_10');
  });
  it('keeps the newest rows of an arrival that is itself longer than the limit', () => {
    const log = received(emptyLog, ...numbers(0, rowLimit + 10));
    expect(log.rows).toHaveLength(rowLimit);
    expect(log.rows.at(-1)?.id).toBe('att_10');
  });
});

describe('begin', () => {
  it('shows what was there before, even while held', () => {
    const log = begin(hold(emptyLog, true), rowsOf(batch('BACKFILL', ['a', 'b'])));
    expect(ids(log.rows)).toEqual(['b', 'a']);
    expect(log).toMatchObject({ held: true, unseen: 0 });
  });
  it('adds no attempt twice', () => {
    expect(ids(begin(received(emptyLog, 'a'), rowsOf(batch('BACKFILL', ['a', 'b']))).rows)).toEqual(['b', 'a']);
  });
});

describe('hold', () => {
  it('lets the rows stand still and counts what comes', () => {
    const log = received(hold(received(emptyLog, 'a'), true), 'b', 'c');
    expect(ids(log.rows)).toEqual(['a']);
    expect(log.unseen).toBe(2);
  });
  it('shows what has come when it ends', () => {
    const log = hold(received(hold(received(emptyLog, 'a'), true), 'b', 'c'), false);
    expect(ids(log.rows)).toEqual(['c', 'b', 'a']);
    expect(log).toMatchObject({ held: false, unseen: 0, waiting: [] });
  });
  it('adds no attempt twice across its beginning and end', () => {
    const log = received(received(hold(received(emptyLog, 'a'), true), 'a', 'b'), 'b');
    expect(log.unseen).toBe(1);
    expect(ids(hold(log, false).rows)).toEqual(['b', 'a']);
  });
  it('keeps no more waiting rows than the limit, but counts them all', () => {
    let log = received(hold(received(emptyLog, 'a'), true), ...numbers(0, rowLimit));
    log = received(log, ...numbers(rowLimit, rowLimit + 10));
    expect(log.unseen).toBe(rowLimit + 10);
    expect(log.waiting).toHaveLength(rowLimit);
    expect(hold(log, false).rows.at(-1)?.id).toBe('att_10');
  });
  it('changes nothing when it is so already', () => {
    expect(hold(emptyLog, false)).toBe(emptyLog);
  });
});

describe('show', () => {
  it('shows what has come and goes on holding', () => {
    const log = show(received(hold(received(emptyLog, 'a'), true), 'b'));
    expect(ids(log.rows)).toEqual(['b', 'a']);
    expect(log).toMatchObject({ held: true, unseen: 0 });
  });
});

describe('clear', () => {
  it('forgets all rows and goes on holding', () => {
    const log = clear(received(hold(received(emptyLog, 'a'), true), 'b'));
    expect(log).toEqual({ rows: [], held: true, waiting: [], unseen: 0 });
  });
});
