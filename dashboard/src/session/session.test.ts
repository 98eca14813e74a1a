import { describe, expect, it } from 'vitest';
import { parseSession, sessionFromFragment } from './session';

describe('sessionFromFragment', () => {
  it('takes the key of a sign-in link and the default account', () => {
    expect(sessionFromFragment('#key=hk_1_secret')).toEqual({ key: 'hk_1_secret', account: 'default' });
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
    const session = { key: 'hk_1_secret', account: 'acme' };
    expect(parseSession(JSON.stringify(session))).toEqual(session);
  });
  it.each([null, '', 'null', '{', '[]', '{"key":1,"account":"a"}', '{"key":"hk_1"}'])('refuses %j', (stored) => {
    expect(parseSession(stored)).toBeUndefined();
  });
});
