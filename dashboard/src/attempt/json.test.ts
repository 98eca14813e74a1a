import { describe, expect, it } from 'vitest';
import { layOutJson } from './json';

const print = (text: string) =>
  layOutJson(text)
    ?.map((token) => token.text)
    .join('');

describe('layOutJson', () => {
  it.each([
    '{"a":[1,-2.5,{"b":null}],"c":"x\\"y{,}","d":{},"e":[],"f":[true,false]}',
    ' [ ] ',
    '"text: {}"',
    '17',
    'null',
  ])('lays %s out as JSON.stringify does', (text) => {
    expect(print(text)).toBe(JSON.stringify(JSON.parse(text), null, 2));
  });
  it('keeps every digit and every key', () => {
    const text = '{"id":12345678901234567890,"price":1.0,"id":1e2}';
    expect(print(text)?.replaceAll(/\s/g, '')).toBe(text);
  });
  it('tells keys from strings', () => {
    expect(layOutJson('{"a":"b"}')?.filter((token) => token.kind === 'key')).toEqual([{ kind: 'key', text: '"a"' }]);
  });
  it.each(['', 'plain text', '{"a":1', '<xml/>'])('leaves %j alone', (text) => {
    expect(layOutJson(text)).toBeUndefined();
  });
});
