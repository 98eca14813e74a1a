import { describe, expect, it } from 'vitest';
import { bytes, clockTime, count, distance, duration, fullTime } from './format';

// Local times are made from local parts, so that the tests hold in every time zone.
const local = new Date(2026, 2, 1, 9, 5, 7, 42);
const instant = local.toISOString();

describe('clockTime', () => {
  it('is the local time to the millisecond', () => {
    expect(clockTime(instant, local)).toBe('09:05:07.042');
  });
  it('has month and day when it is another day', () => {
    expect(clockTime(instant, new Date(2026, 2, 2))).toBe('03-01 09:05:07.042');
  });
});

describe('fullTime', () => {
  it('gives the local time with its offset, and the instant', () => {
    expect(fullTime(instant)).toMatch(/^2026-03-01 09:05:07\.042 UTC[+−]\d\d:\d\d\n2026-0/);
    expect(fullTime(instant)).toContain(instant);
  });
});

describe('duration', () => {
  it.each([
    [0, '0 ms'],
    [0.42, '0.42 ms'],
    [3, '3 ms'],
    [9.999, '10 ms'],
    [12.34, '12.3 ms'],
    [99.96, '100 ms'],
    [412.5, '413 ms'],
    [999.6, '1.00 s'],
    [1_240, '1.24 s'],
    [30_000, '30.0 s'],
    [59_999, '1 min'],
    [125_000, '2 min 5 s'],
    [149_400_000, '1 d 17 h'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('distance', () => {
  it.each([
    [125_400, 'in 2 min 5 s'],
    [-9_000, '9 s ago'],
    [400, 'now'],
  ])('%d ms away is %s', (ms, text) => {
    expect(distance(new Date(local.getTime() + ms).toISOString(), local)).toBe(text);
  });
});

describe('count', () => {
  it('sets thousands apart', () => {
    expect(count(1234567)).toBe('1,234,567');
  });
});

describe('bytes', () => {
  it.each([
    [0, '0 bytes'],
    [1, '1 byte'],
    [1023, '1023 bytes'],
    [1024, '1 KiB'],
    [16_384, '16 KiB'],
    [1_600_000, '1.5 MiB'],
  ])('writes %d as %s', (value, text) => {
    expect(bytes(value)).toBe(text);
  });
});
