/** A piece of a JSON text, with what it is. */
export interface Token {
  readonly kind: 'key' | 'string' | 'number' | 'literal' | 'punctuation' | 'space';
  readonly text: string;
}

/**
 * Lays a JSON text out with two spaces per level; undefined when it is not JSON. Values stay as they were written, which parsing and
 * printing would not leave them: `12345678901234567890` and `1.0` keep their digits, a key that occurs twice occurs twice.
 */
export function layOutJson(text: string): Token[] | undefined {
  try {
    JSON.parse(text);
  } catch {
    return undefined;
  }
  const tokens: Token[] = [];
  let depth = 0;
  const breakLine = () => tokens.push({ kind: 'space', text: `\n${'  '.repeat(depth)}` });

  const pieces = text.match(/"(?:\\.|[^"\\])*"|[^\s"{}[\],:]+|[{}[\],:]/g) ?? [];
  pieces.forEach((piece, i) => {
    switch (piece) {
      case '{':
      case '[':
        tokens.push({ kind: 'punctuation', text: piece });
        depth++;
        if (pieces[i + 1] !== '}' && pieces[i + 1] !== ']') {
          breakLine();
        }
        break;
      case '}':
      case ']':
        depth--;
        if (pieces[i - 1] !== '{' && pieces[i - 1] !== '[') {
          breakLine();
        }
        tokens.push({ kind: 'punctuation', text: piece });
        break;
      case ',':
        tokens.push({ kind: 'punctuation', text: piece });
        breakLine();
        break;
      case ':':
        tokens.push({ kind: 'punctuation', text: ': ' });
        break;
      default:
        tokens.push({ kind: kindOf(piece, pieces[i + 1]), text: piece });
    }
  });
  return tokens;
}

function kindOf(piece: string, following: string | undefined): Token['kind'] {
  if (piece.startsWith('"')) {
    return following === ':' ? 'key' : 'string';
  }
  return /^[-\d]/.test(piece) ? 'number' : 'literal';
}
