import { Text } from '@mantine/core';
import { useMemo } from 'react';
import { CopyButton } from '../CopyButton';
import { bytes } from '../format';
import type { AttemptDetail, BodyDetail } from './detail';
import { layOutJson, type Token } from './json';
import classes from './Message.module.css';

interface MessageProps {
  readonly message: AttemptDetail['request'];
  /** Whether the key may read bodies. */
  readonly bodies: boolean;
}

/** A request or a response: its headers and its body. */
export function Message({ message: { headers, body }, bodies }: MessageProps) {
  return (
    <>
      <h4 className={classes.heading}>Headers</h4>
      {headers.length === 0 ? (
        <Text size="sm" c="dimmed">
          None.
        </Text>
      ) : (
        <div className={classes.headers}>
          <table>
            <tbody>
              {headers.map(({ name, value }, i) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: a name can occur twice, and the list does not change
                <tr key={i}>
                  <th scope="row">{name}</th>
                  <td>{value ?? <i title="Secret values are not shown.">secret</i>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <Body body={body} allowed={bodies} />
    </>
  );
}

function Body({ body, allowed }: { body?: BodyDetail | null; allowed: boolean }) {
  const text = body?.text ?? body?.base64 ?? '';
  return (
    <>
      <div className={classes.heading}>
        <h4>Body</h4>
        {body && (
          <span>
            {[body.contentType, bytes(body.sizeBytes), body.truncated && 'cut off here', isBinary(body) && 'as base64']
              .filter(Boolean)
              .join(' · ')}
          </span>
        )}
        {text && <CopyButton text={text} label="Copy the body" />}
      </div>
      {body && text ? (
        <BodyText text={text} />
      ) : (
        <Text size="sm" c="dimmed">
          {!allowed
            ? 'This API key may not read bodies. It needs the scope PAYLOADS_READ.'
            : body
              ? 'It is empty.'
              : 'It is no longer kept.'}
        </Text>
      )}
    </>
  );
}

function isBinary({ text, base64 }: BodyDetail): boolean {
  return typeof text !== 'string' && typeof base64 === 'string';
}

// Longer texts are shown as they are: an element for each of so many words would be slow.
const longestColoured = 100_000;

function BodyText({ text }: { text: string }) {
  const tokens = useMemo(() => layOutJson(text), [text]);
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be within the keyboard's reach
    <pre className={classes.body} tabIndex={0}>
      {tokens && text.length <= longestColoured
        ? tokens.map(coloured)
        : (tokens?.map((token) => token.text).join('') ?? text)}
    </pre>
  );
}

function coloured({ kind, text }: Token, index: number) {
  return kind === 'space' || kind === 'punctuation' ? (
    text
  ) : (
    <span key={index} data-kind={kind}>
      {text}
    </span>
  );
}
