import { ActionIcon, Loader, Tabs, Text, Tooltip } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import { describeFailure } from '../api/failure';
import { CopyButton } from '../CopyButton';
import { clockTime, distance, duration, fullTime } from '../format';
import { CloseIcon, DownIcon, UpIcon } from '../icons';
import { OutcomeBadge } from '../livelog/OutcomeBadge';
import { Problem } from '../Problem';
import classes from './AttemptDrawer.module.css';
import { curlOf } from './curl';
import { type AttemptDetail, useAttempt } from './detail';
import { Message } from './Message';
import { Timing } from './Timing';

interface AttemptDrawerProps {
  readonly id: string;
  /** Whether the drawer takes the focus, because it was opened by keyboard. */
  readonly takeFocus: boolean;
  /** The ids of the attempts beside it in the log. */
  readonly newer?: string;
  readonly older?: string;
  onOpen(id: string, byKeyboard: boolean): void;
  onClose(): void;
}

/** One attempt in full, beside the log. */
export function AttemptDrawer({ id, takeFocus, newer, older, onOpen, onClose }: AttemptDrawerProps) {
  const drawer = useRef<HTMLElement>(null);
  const found = useAttempt(id);

  useEffect(() => {
    if (takeFocus) {
      drawer.current?.focus();
    }
  }, [takeFocus]);

  return (
    <aside
      ref={drawer}
      className={classes.drawer}
      aria-label="Attempt"
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape') {
          onClose();
        }
      }}
    >
      <div className={classes.bar}>
        <h2>Attempt</h2>
        <code className={classes.id}>{id}</code>
        <CopyButton text={id} label="Copy the attempt’s id" />
        <div className={classes.buttons}>
          <BarButton label="Newer attempt" disabled={!newer} onClick={() => newer && onOpen(newer, false)}>
            <UpIcon />
          </BarButton>
          <BarButton label="Older attempt" disabled={!older} onClick={() => older && onOpen(older, false)}>
            <DownIcon />
          </BarButton>
          <BarButton label="Close" onClick={onClose}>
            <CloseIcon />
          </BarButton>
        </div>
      </div>
      <div className={classes.content}>
        {found.state === 'loading' && (
          <div className={classes.loading}>
            <Loader size="sm" aria-label="Loading the attempt" />
          </div>
        )}
        {found.state === 'missing' && <Text c="dimmed">The account has no such attempt, or it is no longer kept.</Text>}
        {found.state === 'failed' && <Problem>{describeFailure(found.failure)}</Problem>}
        {found.state === 'loaded' && (
          <Detail key={id} attempt={found.attempt} bodies={found.bodies} onOpen={(other) => onOpen(other, false)} />
        )}
      </div>
    </aside>
  );
}

interface BarButtonProps {
  readonly label: string;
  readonly disabled?: boolean;
  onClick(): void;
  readonly children: ReactNode;
}

function BarButton({ label, disabled, onClick, children }: BarButtonProps) {
  return (
    <Tooltip label={label}>
      <ActionIcon variant="subtle" color="gray" aria-label={label} disabled={disabled} onClick={onClick}>
        {children}
      </ActionIcon>
    </Tooltip>
  );
}

const triggers = {
  FIRST: 'first attempt',
  RETRY: 'retry',
  REPLAY: 'replay',
  TEST: 'test',
} as const;

const statuses = {
  QUEUED: 'queued',
  RETRYING: 'waits for its next attempt',
  SUCCEEDED: 'succeeded',
  EXHAUSTED: 'exhausted: its retries ran out',
  SKIPPED: 'skipped: the subscription was disabled',
  PARKED: 'parked until the subscription is enabled',
  CANCELLED: 'cancelled',
} as const;

interface DetailProps {
  readonly attempt: AttemptDetail;
  readonly bodies: boolean;
  onOpen(id: string): void;
}

function Detail({ attempt, bodies, onOpen }: DetailProps) {
  const { delivery, outcome, statusCode, subscription, timing, nextAttemptAt } = attempt;
  const now = new Date();
  return (
    <>
      <div className={classes.summary}>
        <OutcomeBadge outcome={outcome} />
        {statusCode && <b className={classes.code}>{statusCode}</b>}
        <span className={classes.type}>{attempt.eventType}</span>
        <span className={classes.trigger}>
          #{attempt.number} · {triggers[attempt.trigger]} · {duration(timing.totalMs)}
        </span>
      </div>

      {(attempt.hint || attempt.error) && (
        <div className={classes.problem}>
          <Problem urgent={false}>
            {attempt.hint && <p>{attempt.hint}</p>}
            {attempt.error && <code>{attempt.error}</code>}
          </Problem>
        </div>
      )}

      <dl className={classes.facts}>
        <Fact name="Sent to" copy={attempt.url}>
          <span className={classes.mono}>{attempt.url}</span>
        </Fact>
        <Fact name="Subscription">{subscription?.name ?? <i>none</i>}</Fact>
        <Fact name="Began" title={fullTime(attempt.startedAt)}>
          {clockTime(attempt.startedAt, now)}
        </Fact>
        <Fact name="Next attempt" title={nextAttemptAt ? fullTime(nextAttemptAt) : undefined}>
          {nextAttemptAt ? `${distance(nextAttemptAt, now)} (${clockTime(nextAttemptAt, now)})` : 'none'}
        </Fact>
        <Fact name="Event" copy={attempt.eventId}>
          <code>{attempt.eventId}</code>
          {attempt.batchSize > 1 && ` in a bucket of ${attempt.batchSize}`}
        </Fact>
        <Fact name="Delivery" copy={delivery.id}>
          <code>{delivery.id}</code>
        </Fact>
        <Fact name="Address">
          {attempt.remoteAddress ?? 'not connected'}
          {attempt.tlsVersion && ` · ${attempt.tlsVersion.replace('TLS_', 'TLS ').replace('_', '.')}`}
        </Fact>
      </dl>

      <section className={classes.section}>
        <h3>Timing</h3>
        <Timing timing={timing} />
      </section>

      <section className={classes.section}>
        <Tabs defaultValue="request" keepMounted={false}>
          <div className={classes.tabs}>
            <Tabs.List>
              <Tabs.Tab value="request">Request</Tabs.Tab>
              <Tabs.Tab value="response">Response</Tabs.Tab>
            </Tabs.List>
            <CopyButton
              text={curlOf({ url: attempt.url, headers: attempt.request.headers, body: attempt.request.body })}
              label="Copy as curl"
              labelled
            />
          </div>
          <Tabs.Panel value="request">
            <Message message={attempt.request} bodies={bodies} />
          </Tabs.Panel>
          <Tabs.Panel value="response">
            {attempt.response ? (
              <Message message={attempt.response} bodies={bodies} />
            ) : (
              <Text c="dimmed" size="sm" py="sm">
                There was no response.
              </Text>
            )}
          </Tabs.Panel>
        </Tabs>
      </section>

      <section className={classes.section}>
        <h3>
          Attempts of this delivery <small>{statuses[delivery.status]}</small>
        </h3>
        <ol className={classes.attempts}>
          {delivery.attempts.map((other) => (
            <li key={other.id}>
              <button
                type="button"
                aria-current={other.id === attempt.id ? 'true' : undefined}
                onClick={() => onOpen(other.id)}
              >
                <span className={classes.attemptNumber}>#{other.number}</span>
                <OutcomeBadge outcome={other.outcome} />
                <span>{other.statusCode ?? ''}</span>
                <time dateTime={other.startedAt} title={fullTime(other.startedAt)}>
                  {clockTime(other.startedAt, now)}
                </time>
                <span className={classes.attemptDuration}>{duration(other.timing.totalMs)}</span>
              </button>
            </li>
          ))}
          {delivery.nextAttemptAt && (
            <li className={classes.next} title={fullTime(delivery.nextAttemptAt)}>
              The next one is due {distance(delivery.nextAttemptAt, now)}
            </li>
          )}
        </ol>
      </section>
    </>
  );
}

interface FactProps {
  readonly name: string;
  readonly title?: string;
  /** The text to copy; no button when it is not given. */
  readonly copy?: string;
  readonly children: ReactNode;
}

function Fact({ name, title, copy, children }: FactProps) {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={title}>
        <span>{children}</span>
        {copy && <CopyButton text={copy} label={`Copy: ${name.toLowerCase()}`} />}
      </dd>
    </div>
  );
}
