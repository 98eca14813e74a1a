import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, memo, type Ref, useEffect, useImperativeHandle, useRef } from 'react';
import { clockTime, count, duration, fullTime } from '../format';
import classes from './AttemptTable.module.css';
import type { LiveAttempt, Row } from './log';
import { OutcomeBadge } from './OutcomeBadge';

/** What the page can have the table do. */
export interface TableHandle {
  focus(): void;
  scrollToTop(): void;
  /** Scrolls as far as it takes to see an attempt. */
  reveal(id: string): void;
}

interface AttemptTableProps {
  readonly rows: readonly Row[];
  /** The id of the attempt that the keyboard is on. */
  readonly active?: string;
  /** The id of the attempt that is open. */
  readonly open?: string;
  onActivate(id: string): void;
  onOpen(id: string, byKeyboard: boolean): void;
  onEscape(): void;
  /** Called when the newest rows come into view or leave it. */
  onScrolledAway(away: boolean): void;
  readonly handle: Ref<TableHandle>;
}

// Of the rows and of the head, as in the style sheet.
const rowHeight = 34;
const pageOfRows = 15;

/** The attempts, newest first. Only the rows in view are in the document. */
export function AttemptTable(props: AttemptTableProps) {
  const { rows, active, open, onActivate, onOpen, onEscape, onScrolledAway, handle } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 8,
    paddingStart: rowHeight,
    scrollPaddingStart: rowHeight,
  });

  useImperativeHandle(handle, () => ({
    focus: () => scroller.current?.focus({ preventScroll: true }),
    scrollToTop: () => scroller.current?.scrollTo({ top: 0 }),
    reveal(id) {
      const index = rows.findIndex((row) => row.id === id);
      if (index >= 0) {
        virtualizer.scrollToIndex(index);
      }
    },
  }));

  // A table that is gone is not scrolled away.
  useEffect(() => () => onScrolledAway(false), [onScrolledAway]);

  function onKeyDown(event: KeyboardEvent) {
    const at = rows.findIndex((row) => row.id === active);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: pageOfRows, PageUp: -pageOfRows }[event.key];
    let to: number | undefined;
    if (step) {
      to = at < 0 ? 0 : at + step;
    } else if (event.key === 'Home') {
      to = 0;
    } else if (event.key === 'End') {
      to = rows.length - 1;
    } else if (event.key === 'Enter' && active) {
      event.preventDefault();
      onOpen(active, true);
      return;
    } else if (event.key === 'Escape') {
      onEscape();
      return;
    } else {
      return;
    }
    event.preventDefault();
    const found = attemptNear(rows, to, step && step < 0 ? -1 : 1);
    if (found !== undefined) {
      virtualizer.scrollToIndex(found);
      onActivate(rows[found]?.id ?? '');
    }
  }

  const now = new Date();
  const items = virtualizer.getVirtualItems();
  const activeInView = items.some((item) => item.key === active);
  return (
    <div className={classes.frame}>
      {/* biome-ignore lint/a11y/useSemanticElements: a table element cannot hold rows that are placed by hand */}
      <div
        ref={scroller}
        className={classes.scroller}
        role="grid"
        aria-label="Delivery attempts, newest first"
        aria-rowcount={rows.length + 1}
        aria-activedescendant={activeInView ? rowElementId(active) : undefined}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={(event) => onScrolledAway(event.currentTarget.scrollTop > rowHeight / 2)}
      >
        {/* biome-ignore lint/a11y/useSemanticElements: as above */}
        {/* biome-ignore lint/a11y/useFocusableInteractive: the grid has the focus, for all of its rows */}
        <div className={classes.head} role="row" aria-rowindex={1}>
          {['Time', 'Outcome', 'Code', 'Event type', 'Subscription', '#', 'Duration'].map((title) => (
            // biome-ignore lint/a11y/useSemanticElements: as above
            // biome-ignore lint/a11y/useFocusableInteractive: as above
            <div key={title} role="columnheader" title={title === '#' ? 'Attempt number' : undefined}>
              {title}
            </div>
          ))}
        </div>
        <div className={classes.rows} role="presentation" style={{ height: virtualizer.getTotalSize() }}>
          {items.map((item) => {
            const row = rows[item.index];
            if (!row) {
              return null;
            }
            return row.kind === 'skipped' ? (
              <SkippedRow key={row.id} row={row} index={item.index} top={item.start} />
            ) : (
              <AttemptRow
                key={row.id}
                attempt={row.attempt}
                index={item.index}
                top={item.start}
                time={clockTime(row.attempt.startedAt, now)}
                active={row.id === active}
                open={row.id === open}
                onOpen={onOpen}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** The attempt at or beyond an index, in the direction given; undefined when there is none. */
function attemptNear(rows: readonly Row[], index: number, direction: 1 | -1): number | undefined {
  const from = Math.min(Math.max(index, 0), rows.length - 1);
  for (let i = from; i >= 0 && i < rows.length; i += direction) {
    if (rows[i]?.kind === 'attempt') {
      return i;
    }
  }
  return undefined;
}

const rowElementId = (id: string | undefined) => `row-${id}`;

interface AttemptRowProps {
  readonly attempt: LiveAttempt;
  readonly index: number;
  readonly top: number;
  readonly time: string;
  readonly active: boolean;
  readonly open: boolean;
  onOpen(id: string, byKeyboard: boolean): void;
}

const AttemptRow = memo(function AttemptRow({ attempt, index, top, time, active, open, onOpen }: AttemptRowProps) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid has the focus and handles Enter
    // biome-ignore lint/a11y/useSemanticElements: see the grid
    // biome-ignore lint/a11y/useFocusableInteractive: see the grid
    <div
      id={rowElementId(attempt.id)}
      className={classes.row}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={open}
      data-attempt={attempt.id}
      data-active={active || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={() => onOpen(attempt.id, false)}
    >
      <Cell className={classes.time} title={fullTime(attempt.startedAt)}>
        {time}
      </Cell>
      <Cell>
        <OutcomeBadge outcome={attempt.outcome} />
      </Cell>
      <Cell className={classes.code}>{attempt.statusCode ?? <span className={classes.none}>–</span>}</Cell>
      <Cell className={classes.type} title={attempt.eventType}>
        {attempt.eventType}
      </Cell>
      <Cell title={attempt.subscription?.name}>
        {attempt.subscription?.name ?? <span className={classes.none}>none</span>}
      </Cell>
      <Cell className={classes.number} title={`Attempt ${attempt.number} of its delivery`}>
        {attempt.number}
      </Cell>
      <Cell className={classes.number}>{duration(attempt.timing.totalMs)}</Cell>
    </div>
  );
});

interface CellProps {
  readonly className?: string;
  readonly title?: string;
  readonly children: React.ReactNode;
}

function Cell(props: CellProps) {
  // biome-ignore lint/a11y/useSemanticElements: see the grid
  // biome-ignore lint/a11y/useFocusableInteractive: see the grid
  return <div role="gridcell" {...props} />;
}

interface SkippedRowProps {
  readonly row: Extract<Row, { kind: 'skipped' }>;
  readonly index: number;
  readonly top: number;
}

function SkippedRow({ row, index, top }: SkippedRowProps) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: see the grid
    // biome-ignore lint/a11y/useFocusableInteractive: see the grid
    <div className={classes.skipped} role="row" aria-rowindex={index + 2} style={{ transform: `translateY(${top}px)` }}>
      {/* biome-ignore lint/a11y/useSemanticElements: see the grid */}
      {/* biome-ignore lint/a11y/useFocusableInteractive: see the grid */}
      <div role="gridcell">{skippedText(row)}</div>
    </div>
  );
}

function skippedText({ reason, count: skipped }: SkippedRowProps['row']): string {
  const what = skipped > 0 ? `${count(skipped)} skipped` : 'Some may be missing here';
  return reason === 'SAMPLED'
    ? `${what}: more came in a second than the log shows`
    : `${what}: this page could not follow, or was away for too long`;
}
