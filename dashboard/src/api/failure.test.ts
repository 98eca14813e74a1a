import { CombinedError } from '@urql/core';
import { describe, expect, it } from 'vitest';
import { describeFailure, failureOf, failureOfErrors } from './failure';

describe('failureOf', () => {
  it('keeps the code and the request id of the answer', () => {
    const error = new CombinedError({
      graphQLErrors: [{ message: 'internal error', extensions: { code: 'INTERNAL', requestId: 'req_1' } }],
    });
    expect(failureOf(error)).toEqual({ code: 'INTERNAL', message: 'internal error', requestId: 'req_1' });
  });
  it('is UNREACHABLE when there was no answer', () => {
    const error = new CombinedError({ networkError: new TypeError('Failed to fetch') });
    expect(failureOf(error).code).toBe('UNREACHABLE');
  });
});

describe('failureOfErrors', () => {
  it('copes with errors that carry no extensions', () => {
    expect(failureOfErrors([{ message: 'no' }])).toEqual({ code: 'UNKNOWN', message: 'no', requestId: undefined });
  });
});

describe('describeFailure', () => {
  it('quotes the request id', () => {
    const failure = { code: 'INTERNAL', message: 'internal error', requestId: 'req_1' };
    expect(describeFailure(failure)).toBe('Internal error. (Request req_1.)');
  });
  it('says what is wrong with a key', () => {
    const failure = { code: 'UNAUTHENTICATED', message: 'not authenticated: the API key has expired' };
    expect(describeFailure(failure)).toBe('The API key has expired.');
  });
  it('leaves a sentence as it is', () => {
    expect(describeFailure({ code: 'UNREACHABLE', message: 'The server cannot be reached.' })).toBe(
      'The server cannot be reached.',
    );
  });
});
