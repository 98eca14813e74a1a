import classes from './ConnectionStatus.module.css';
import type { Connection } from './stream';

interface ConnectionStatusProps {
  readonly connection: Connection;
  readonly paused: boolean;
}

const words = {
  connecting: ['Connecting…', 'The connection to the server is being made.'],
  live: ['Live', 'Attempts are shown as they end.'],
  reconnecting: ['Reconnecting…', 'The connection was lost. The log goes on where it stopped once it is back.'],
  paused: ['Paused', 'Attempts still arrive; resume to see them.'],
  failed: ['Stopped', 'The server does not send the log.'],
} as const;

export function ConnectionStatus({ connection, paused }: ConnectionStatusProps) {
  const state = connection.state === 'live' && paused ? 'paused' : connection.state;
  const [label, title] = words[state];
  return (
    <span className={classes.status} data-state={state} title={title} role="status">
      {label}
    </span>
  );
}
