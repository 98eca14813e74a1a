import type { AttemptDetail } from './detail';

type Timing = AttemptDetail['timing'];

/** A part of an attempt on its time line, in milliseconds from the line's beginning. */
export interface Span {
  readonly name: string;
  readonly title: string;
  readonly start: number;
  readonly length: number;
}

/**
 * The parts of an attempt one after another: its wait, then what the request went through up to the response's first byte,
 * then the rest of the response or, without one, the time until the attempt failed. Parts that were not needed are left out.
 */
export function spansOf({ queuedMs, dnsMs, connectMs, tlsMs, firstByteMs, totalMs }: Timing): Span[] {
  const spans: Span[] = [];
  let at = 0;
  const add = (name: string, title: string, length: number) => {
    spans.push({ name, title, start: at, length });
    at += length;
  };
  add('Queued', 'From the event’s acceptance, or from when the attempt was due, to its start', queuedMs);
  if (typeof dnsMs === 'number') {
    add('DNS', 'Looking up the host’s name', dnsMs);
  }
  if (typeof connectMs === 'number') {
    add('Connect', 'Connecting', connectMs);
  }
  if (typeof tlsMs === 'number') {
    add('TLS', 'The TLS handshake', tlsMs);
  }
  if (typeof firstByteMs === 'number') {
    const firstByte = Math.max(queuedMs + firstByteMs, at);
    add('First byte', 'Sending the request and waiting for the response’s first byte', firstByte - at);
    add('Response', 'Reading the response', Math.max(0, queuedMs + totalMs - at));
  } else if (queuedMs + totalMs > at) {
    add('Until failure', 'What the attempt was in when it failed', queuedMs + totalMs - at);
  }
  return spans;
}
