import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from './address';
import { outcomes } from './outcome';

describe('parseAddress', () => {
  it('shows all outcomes when none is named', () => {
    expect(parseAddress('')).toEqual({ outcomes: [], attempt: undefined });
  });
  it('puts outcomes in the schema’s order and drops what it does not know', () => {
    expect(parseAddress('?outcome=DNS&outcome=nonsense&outcome=TIMEOUT&outcome=toString').outcomes).toEqual([
      'TIMEOUT',
      'DNS',
    ]);
  });
  it('takes all outcomes for no filter', () => {
    expect(parseAddress(formatAddress({ outcomes })).outcomes).toEqual([]);
  });
  it('reads back what formatAddress writes', () => {
    const address = { outcomes: ['HTTP_ERROR', 'TLS'] as const, attempt: 'att_1' };
    expect(parseAddress(formatAddress(address))).toEqual(address);
  });
});

describe('formatAddress', () => {
  it('is empty when there is nothing to say', () => {
    expect(formatAddress({ outcomes: [] })).toBe('');
  });
});
