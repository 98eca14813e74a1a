import { useEffect, useState } from 'react';
import { count } from '../format';
import classes from './ActivityStrip.module.css';
import { lastMinute, rateOf, type Second, span } from './activity';

const height = 30;
const barWidth = 3;
const step = 4;

/** The last minute at a glance: a bar for each second, and the present rate. */
export function ActivityStrip({ activity }: { activity: readonly Second[] }) {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);

  const seconds = lastMinute(activity, now);
  const most = Math.max(1, ...seconds.map(({ succeeded, failed, skipped }) => succeeded + failed + skipped));
  const scale = (height - 2) / most;
  const rate = rateOf(activity, now);
  const rateText = rate > 0 && rate < 10 ? rate.toFixed(1) : count(Math.round(rate));

  return (
    <div className={classes.strip}>
      <svg
        width={span * step}
        height={height}
        role="img"
        aria-label={`Attempts in each of the last ${span} seconds; at most ${most} in one`}
      >
        {seconds.map(({ at, succeeded, failed, skipped }, i) => {
          const parts = [
            { kind: 'good', value: succeeded },
            { kind: 'bad', value: failed },
            { kind: 'neutral', value: skipped },
          ] as const;
          let y = height;
          return (
            <g key={at}>
              <rect className={classes.base} x={i * step} y={height - 1} width={barWidth} height={1} />
              {parts.map(({ kind, value }) => {
                const tall = value > 0 ? Math.max(1, value * scale) : 0;
                y -= tall;
                return <rect key={kind} data-kind={kind} x={i * step} y={y} width={barWidth} height={tall} />;
              })}
            </g>
          );
        })}
      </svg>
      <span className={classes.rate} title="Attempts per second, over the last five seconds">
        <b>{rateText}</b>/s
      </span>
    </div>
  );
}
