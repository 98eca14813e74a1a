import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type Batch, hold, rowLimit } from './log';
import { createLiveLogStore } from './store';

/** The frames that the page has asked for, to be drawn by the test. */
let frames: FrameRequestCallback[] = [];

beforeEach(() => {
  frames = [];
  vi.stubGlobal('requestAnimationFrame', (callback: FrameRequestCallback) => frames.push(callback));
  vi.stubGlobal('cancelAnimationFrame', (id: number) => frames.splice(id - 1, 1));
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function draw() {
  for (const frame of frames.splice(0)) {
    frame(0);
  }
}

let made = 0;
function batch(kind: Batch['kind'], size: number): Batch {
  const attempts = Array.from({ length: size }, () => ({
    id: `att_${made++}`,
    startedAt: '2026-03-01T12:00:00Z',
    outcome: 'SUCCESS' as const,
    statusCode: 200,
    eventType: 'sms.delivery',
    subscription: null,
    number: 1,
    timing: { totalMs: 1 },
  }));
  return { kind, cursor: `c${made}`, attempts, matched: size, skipped: 0 };
}

describe('the store', () => {
  it('shows all that comes between two frames at once', () => {
    const store = createLiveLogStore();
    const changed = vi.fn();
    store.onChange(changed);
    store.receive(batch('LIVE', 3));
    store.receive(batch('LIVE', 2));
    expect(store.view().log.rows).toHaveLength(0);
    draw();
    expect(store.view().log.rows).toHaveLength(5);
    expect(changed).toHaveBeenCalledTimes(1);
  });
  it('piles up no more than the log holds while the page gets no frames, but counts everything', () => {
    const store = createLiveLogStore();
    store.update((log) => hold(log, true));
    for (let i = 0; i < 3; i++) {
      store.receive(batch('LIVE', rowLimit));
    }
    expect(store.view().log).toMatchObject({ unseen: 3 * rowLimit });
    expect(store.view().log.waiting).toHaveLength(rowLimit);
    expect(frames).toHaveLength(0);
  });
  it('shows what was there before without waiting, and does not count it', () => {
    const store = createLiveLogStore();
    store.update((log) => hold(log, true));
    store.receive(batch('BACKFILL', 2));
    expect(store.view().log).toMatchObject({ unseen: 0 });
    expect(store.view().log.rows).toHaveLength(2);
    expect(store.view().activity).toEqual([]);
  });
  it('changes the log as it is now, with what has come since the last frame', () => {
    const store = createLiveLogStore();
    store.receive(batch('LIVE', 2));
    store.update((log) => hold(log, true));
    expect(store.view().log.rows).toHaveLength(2);
    expect(store.view().log.held).toBe(true);
  });
  it('forgets everything for another stream', () => {
    const store = createLiveLogStore();
    store.receive(batch('LIVE', 2));
    draw();
    store.receive(batch('LIVE', 2));
    store.reset();
    draw();
    expect(store.view().log.rows).toHaveLength(0);
    expect(store.view().activity).toEqual([]);
  });
});
