import type { ReactNode } from 'react';
import classes from './Problem.module.css';

interface ProblemProps {
  /** Whether a screen reader says it at once. */
  readonly urgent?: boolean;
  readonly children: ReactNode;
}

/** Says what is wrong. */
export function Problem({ urgent = true, children }: ProblemProps) {
  return (
    <div className={classes.problem} role={urgent ? 'alert' : 'note'}>
      {children}
    </div>
  );
}
