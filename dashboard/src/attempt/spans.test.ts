import { describe, expect, it } from 'vitest';
import { spansOf } from './spans';

const timing = { queuedMs: 2, dnsMs: 3, connectMs: 4, tlsMs: 5, firstByteMs: 20, totalMs: 25, connectionReused: false };
const brief = (timings: Parameters<typeof spansOf>[0]) =>
  spansOf(timings).map(({ name, start, length }) => [name, start, length]);

describe('spansOf', () => {
  it('lays the parts one after another and ends with the attempt', () => {
    expect(brief(timing)).toEqual([
      ['Queued', 0, 2],
      ['DNS', 2, 3],
      ['Connect', 5, 4],
      ['TLS', 9, 5],
      ['First byte', 14, 8],
      ['Response', 22, 5],
    ]);
  });
  it('leaves out what a connection that was open already did not need', () => {
    expect(brief({ ...timing, dnsMs: null, connectMs: null, tlsMs: null, connectionReused: true })).toEqual([
      ['Queued', 0, 2],
      ['First byte', 2, 20],
      ['Response', 22, 5],
    ]);
  });
  it('ends where an attempt without a response failed', () => {
    expect(brief({ ...timing, tlsMs: null, firstByteMs: null }).slice(-2)).toEqual([
      ['Connect', 5, 4],
      ['Until failure', 9, 18],
    ]);
  });
  it('has no part of less than no length', () => {
    expect(brief({ ...timing, firstByteMs: 1, totalMs: 10 }).every(([, , length]) => Number(length) >= 0)).toBe(true);
  });
});
