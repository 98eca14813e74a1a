import { ActionIcon, Button, Group, Tooltip } from '@mantine/core';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { describeFailure } from '../api/failure';
import { AttemptDrawer } from '../attempt/AttemptDrawer';
import { count } from '../format';
import { Header } from '../Header';
import { ArrowUpIcon, ClearIcon, PauseIcon, PlayIcon } from '../icons';
import { Problem } from '../Problem';
import { navigate, useSearch } from '../route';
import type { Session } from '../session/session';
import { ActivityStrip } from './ActivityStrip';
import { AttemptTable, type TableHandle } from './AttemptTable';
import { formatAddress, type LogAddress, parseAddress } from './address';
import { ConnectionStatus } from './ConnectionStatus';
import { EmptyLog } from './EmptyLog';
import classes from './LiveLogPage.module.css';
import { clear, hold, show } from './log';
import { OutcomeFilter } from './OutcomeFilter';
import { useLiveLog } from './useLiveLog';

export function LiveLogPage({ session }: { session: Session }) {
  const search = useSearch();
  const address = useMemo(() => parseAddress(search), [search]);
  const { log, connection, activity, update } = useLiveLog(session, address.outcomes);
  const [paused, setPaused] = useState(false);
  const [scrolledAway, setScrolledAway] = useState(false);
  const [active, setActive] = useState<string>();
  const [focusDrawer, setFocusDrawer] = useState(false);
  const table = useRef<TableHandle>(null);
  const open = address.attempt;

  const go = useCallback((change: Partial<LogAddress>) => {
    const next = { ...parseAddress(location.search), ...change };
    navigate(`/${formatAddress(next)}`, { replace: 'attempt' in change });
  }, []);

  // The rows stand still on request, and while somebody reads: further down, or in an open attempt.
  const held = paused || scrolledAway || open !== undefined;
  useEffect(() => update((current) => hold(current, held)), [update, held]);

  const openAttempt = useCallback(
    (id: string, byKeyboard: boolean) => {
      setActive(id);
      setFocusDrawer(byKeyboard);
      go({ attempt: id });
      table.current?.reveal(id);
    },
    [go],
  );

  const closeAttempt = useCallback(() => {
    go({ attempt: undefined });
    table.current?.focus();
  }, [go]);

  function activate(id: string) {
    setActive(id);
    if (open) {
      openAttempt(id, false);
    }
  }

  function showNew() {
    setPaused(false);
    update(show);
    table.current?.scrollToTop();
  }

  const attempts = log.rows.filter((row) => row.kind === 'attempt');
  const at = attempts.findIndex((row) => row.id === open);
  const neighbour = (step: 1 | -1) => (at < 0 ? undefined : attempts[at + step]?.id);

  return (
    <div className={classes.page}>
      <title>Live log · Hookline</title>
      <Header session={session} />
      <main className={classes.main}>
        <div className={classes.toolbar}>
          <h1 className={classes.title}>Live log</h1>
          <ConnectionStatus connection={connection} paused={paused} />
          <ActivityStrip activity={activity} />
          {log.unseen > 0 && (
            <Button
              size="compact-sm"
              radius="xl"
              leftSection={<ArrowUpIcon />}
              className={classes.unseen}
              onClick={showNew}
            >
              {count(log.unseen)} new
            </Button>
          )}
          <Group gap="xs" className={classes.actions}>
            <OutcomeFilter value={address.outcomes} onChange={(outcomes) => go({ outcomes })} />
            <Button
              variant={paused ? 'filled' : 'default'}
              size="sm"
              leftSection={paused ? <PlayIcon /> : <PauseIcon />}
              onClick={() => setPaused(!paused)}
            >
              {paused ? 'Resume' : 'Pause'}
            </Button>
            <Tooltip label="Clear the log on this page">
              <ActionIcon variant="default" size={36} aria-label="Clear" onClick={() => update(clear)}>
                <ClearIcon />
              </ActionIcon>
            </Tooltip>
          </Group>
        </div>
        {connection.state === 'failed' && (
          <Problem>
            {connection.failure.code === 'FORBIDDEN'
              ? 'This API key may not read the delivery log. It needs the scope LOG_READ.'
              : `${describeFailure(connection.failure)} Trying again in a few seconds.`}
          </Problem>
        )}
        <div className={classes.panes} data-open={open ? true : undefined}>
          <section className={classes.log} aria-label="Log">
            {log.rows.length > 0 ? (
              <AttemptTable
                rows={log.rows}
                active={active}
                open={open}
                onActivate={activate}
                onOpen={openAttempt}
                onEscape={closeAttempt}
                onScrolledAway={setScrolledAway}
                handle={table}
              />
            ) : (
              <EmptyLog
                account={session.account}
                connection={connection}
                paused={paused}
                filtered={address.outcomes.length > 0}
                onShowAll={() => go({ outcomes: [] })}
              />
            )}
          </section>
          {open && (
            <AttemptDrawer
              id={open}
              takeFocus={focusDrawer}
              newer={neighbour(-1)}
              older={neighbour(1)}
              onOpen={openAttempt}
              onClose={closeAttempt}
            />
          )}
        </div>
      </main>
    </div>
  );
}
