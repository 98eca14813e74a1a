import { duration } from '../format';
import type { AttemptDetail } from './detail';
import { spansOf } from './spans';
import classes from './Timing.module.css';

/** An attempt's time line: a bar for each part, to scale. */
export function Timing({ timing }: { timing: AttemptDetail['timing'] }) {
  const spans = spansOf(timing);
  const whole = Math.max(timing.queuedMs + timing.totalMs, Number.MIN_VALUE);
  const percent = (ms: number) => `${(ms / whole) * 100}%`;
  return (
    <>
      <table className={classes.timing}>
        <tbody>
          {spans.map(({ name, title, start, length }) => (
            <tr key={name} title={title}>
              <th scope="row">{name}</th>
              <td className={classes.track}>
                <div data-part={name} style={{ marginLeft: percent(start), width: percent(length) }} />
              </td>
              <td className={classes.length}>{duration(length)}</td>
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr title="The whole attempt, without its wait">
            <th scope="row">Total</th>
            <td className={classes.track}>
              <div data-part="Total" style={{ marginLeft: percent(timing.queuedMs), width: percent(timing.totalMs) }} />
            </td>
            <td className={classes.length}>{duration(timing.totalMs)}</td>
          </tr>
        </tfoot>
      </table>
      {timing.connectionReused && <p className={classes.note}>An open connection was used again.</p>}
    </>
  );
}
