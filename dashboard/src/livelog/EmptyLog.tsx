import { Button, Loader, Text, Title } from '@mantine/core';
import { CopyButton } from '../CopyButton';
import classes from './EmptyLog.module.css';
import type { Connection } from './stream';

interface EmptyLogProps {
  /** The account's key, if one was chosen. */
  readonly account?: string;
  readonly connection: Connection;
  readonly paused: boolean;
  readonly filtered: boolean;
  onShowAll(): void;
}

/** Stands where the attempts will be, and says what to do to get some. */
export function EmptyLog({ account, connection, paused, filtered, onShowAll }: EmptyLogProps) {
  if (connection.state === 'connecting') {
    return (
      <div className={classes.empty}>
        <Loader aria-label="Connecting" />
      </div>
    );
  }
  if (paused) {
    return (
      <div className={classes.empty}>
        <Title order={2} size="h4">
          Paused
        </Title>
        <Text c="dimmed">Resume to see what arrives.</Text>
      </div>
    );
  }
  if (filtered) {
    return (
      <div className={classes.empty}>
        <Title order={2} size="h4">
          No attempts with these outcomes
        </Title>
        <Text c="dimmed">They will appear here as soon as there are some.</Text>
        <Button variant="default" onClick={onShowAll}>
          Show all outcomes
        </Button>
      </div>
    );
  }
  const command = publishCommand(account);
  return (
    <div className={classes.empty}>
      <span className={classes.pulse} aria-hidden="true" />
      <Title order={2} size="h4">
        Waiting for attempts
      </Title>
      <Text c="dimmed" maw={520} ta="center">
        They appear here the moment they end. Publish an event that one of the account’s subscriptions takes:
      </Text>
      <div className={classes.command}>
        <pre>{command}</pre>
        <CopyButton text={command} label="Copy" labelled />
      </div>
    </div>
  );
}

function publishCommand(account: string | undefined): string {
  const event = { type: 'sms.delivery', payload: { messageId: '42', status: 'DELIVERED' } };
  return [
    `curl ${location.origin}/v1/events`,
    `-H "Authorization: Bearer $HOOKLINE_KEY"`,
    ...(account ? [`-H 'Hookline-Account: ${account}'`] : []),
    `-H 'Content-Type: application/json'`,
    `-d '${JSON.stringify(event)}'`,
  ].join(' \\\n  ');
}
