import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { curlOf } from './curl';

const request = {
  url: 'https://example.com/hook',
  headers: [
    { name: 'Content-Type', value: 'application/json' },
    { name: 'Authorization', value: null },
    { name: 'Host', value: 'example.com' },
    { name: 'Content-Length', value: '2' },
    { name: 'Accept-Encoding', value: 'gzip' },
  ],
  body: { text: '{}', base64: null, truncated: false },
};

/** The arguments that a shell gives to curl, and what it pipes into it. */
function shellArguments(command: string): string[] {
  const shown = `curl() { for a in "$@"; do printf '%s\\0' "$a"; done; [ -t 0 ] || cat; }\n${command}`;
  return execFileSync('sh', ['-c', shown], { input: '', encoding: 'utf8' }).split('\0');
}

describe('curlOf', () => {
  it('sends the same method, headers and body', () => {
    expect(curlOf(request)).toBe(
      [
        "curl -i -X POST 'https://example.com/hook'",
        "-H 'Content-Type: application/json'",
        "-H 'Authorization: <secret>'",
        "--data-raw '{}'",
      ].join(' \\\n  '),
    );
  });
  it('survives the shell whatever the body is', () => {
    const text = 'it\'s $HOME `id` "x" \\ \n end\'';
    expect(shellArguments(curlOf({ ...request, body: { text, base64: null, truncated: false } }))).toContain(text);
  });
  it('pipes a body that is not text', () => {
    const body = { text: null, base64: Buffer.from('binary').toString('base64'), truncated: false };
    const given = shellArguments(curlOf({ ...request, body }));
    expect(given).toContain('--data-binary');
    expect(given.at(-1)).toBe('binary');
  });
  it('says when the body is not whole', () => {
    expect(curlOf({ ...request, body: { text: '{', base64: null, truncated: true } })).toMatch(
      /^# The body was longer/,
    );
  });
  it('sends no body when none is known', () => {
    expect(curlOf({ ...request, body: null })).not.toContain('--data');
  });
});
