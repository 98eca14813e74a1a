import { Button, Checkbox, Group, Popover, Stack, Text } from '@mantine/core';
import type { AttemptOutcome } from '../gql/graphql';
import { FilterIcon } from '../icons';
import { OutcomeBadge } from './OutcomeBadge';
import classes from './OutcomeFilter.module.css';
import { failures, isOutcome, outcomes, outcomeWords } from './outcome';

interface OutcomeFilterProps {
  /** The outcomes shown; all when empty. */
  readonly value: readonly AttemptOutcome[];
  onChange(value: readonly AttemptOutcome[]): void;
}

export function OutcomeFilter({ value, onChange }: OutcomeFilterProps) {
  return (
    <Popover position="bottom-start" shadow="md" trapFocus width={320}>
      <Popover.Target>
        <Button variant="default" size="sm" leftSection={<FilterIcon />} data-filtered={value.length > 0 || undefined}>
          {summary(value)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="sm" className={classes.dropdown}>
        <Group justify="space-between" mb="xs">
          <Text size="sm" fw={600}>
            Outcomes
          </Text>
          <Group gap={4}>
            <Button size="compact-xs" variant="subtle" onClick={() => onChange([])}>
              All
            </Button>
            <Button size="compact-xs" variant="subtle" onClick={() => onChange(failures)}>
              Failures
            </Button>
          </Group>
        </Group>
        <Checkbox.Group value={[...value]} onChange={(next) => onChange(next.filter(isOutcome))}>
          <Stack gap={7}>
            {outcomes.map((outcome) => (
              <Checkbox
                key={outcome}
                value={outcome}
                size="xs"
                aria-label={outcomeWords[outcome].label}
                label={<OutcomeBadge outcome={outcome} />}
                description={outcomeWords[outcome].description}
                className={classes.option}
              />
            ))}
          </Stack>
        </Checkbox.Group>
      </Popover.Dropdown>
    </Popover>
  );
}

function summary(value: readonly AttemptOutcome[]): string {
  const [only] = value;
  if (!only) {
    return 'All outcomes';
  }
  if (value.length === failures.length && !value.includes('SUCCESS')) {
    return 'Failures';
  }
  return value.length === 1 ? outcomeWords[only].label : `${value.length} outcomes`;
}
