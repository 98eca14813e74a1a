import type { AttemptOutcome } from '../gql/graphql';
import classes from './OutcomeBadge.module.css';
import { outcomeWords } from './outcome';

export function OutcomeBadge({ outcome }: { outcome: AttemptOutcome }) {
  const { label, tone, description } = outcomeWords[outcome];
  return (
    <span className={classes.badge} data-tone={tone} title={description}>
      {label}
    </span>
  );
}
