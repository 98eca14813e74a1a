/** What is sent again: a request without the values that are secret. */
export interface RequestParts {
  readonly url: string;
  readonly headers: readonly { readonly name: string; readonly value?: string | null }[];
  readonly body?: {
    readonly text?: string | null;
    readonly base64?: string | null;
    readonly truncated: boolean;
  } | null;
}

// Headers that curl sets by itself, or with which it would print what nobody can read.
const left = new Set(['host', 'content-length', 'accept-encoding', 'connection']);

/** Writes a request as a curl command for a POSIX shell. Secret header values stand as `<secret>`. */
export function curlOf({ url, headers, body }: RequestParts): string {
  const lines = [`curl -i -X POST ${quote(url)}`];
  for (const { name, value } of headers) {
    if (!left.has(name.toLowerCase())) {
      lines.push(`-H ${quote(`${name}: ${value ?? '<secret>'}`)}`);
    }
  }
  let before = '';
  if (typeof body?.text === 'string') {
    lines.push(`--data-raw ${quote(body.text)}`);
  } else if (typeof body?.base64 === 'string') {
    before = `printf %s ${quote(body.base64)} | base64 -d | `;
    lines.push('--data-binary @-');
  }
  const note = body?.truncated ? '# The body was longer: this is its beginning.\n' : '';
  return note + before + lines.join(' \\\n  ');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
