import { describe, expect, it } from 'vitest';
import { parseSession, sessionFromFragment } from './session';

describe('sessionFromFragment', () => {
  it('takes the key of a sign-in link and the account that the key is of', () => {
    expect(sessionFromFragment('#key=hk_1_secret')).toEqual({ key: 'hk_1_secret' });
  });
  it('takes the account when the link names one', () => {
    expect(sessionFromFragment('#key=hk_1_secret&account=acme')).toEqual({ key: 'hk_1_secret', account: 'acme' });
  });
  it.each(['', '#', '#key=', '#account=acme', '#top'])('finds no session in %j', (fragment) => {
    expect(sessionFromFragment(fragment)).toBeUndefined();
  });
});

describe('parseSession', () => {
  it('reads back what was stored', () => {
    for (const session of [{ key: 'hk_1_secret', account: 'acme' }, { key: 'hk_1_secret' }]) {
      expect(parseSession(JSON.stringify(session))).toEqual(session);
    }
  });
  it.each([null, '', 'null', '{', '[]', '{"key":1,"account":"a"}', '{"account":"a"}'])('refuses %j', (stored) => {
    expect(parseSession(stored)).toBeUndefined();
  });
});
