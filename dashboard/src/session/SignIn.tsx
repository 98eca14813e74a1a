import { Anchor, Button, Collapse, Group, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { type FormEvent, useEffect, useRef, useState } from 'react';
import { describeFailure } from '../api/failure';
import { ColorSchemeToggle } from '../ColorSchemeToggle';
import { Mark } from '../icons';
import { Problem } from '../Problem';
import classes from './SignIn.module.css';
import { type Session, sessionOf, signIn } from './session';
import { verify } from './viewer';

interface SignInProps {
  /** Why the person has to sign in again. */
  readonly notice?: string;
  /** What a sign-in link has brought: tried at once. */
  readonly offered?: Session;
}

export function SignIn({ notice, offered }: SignInProps) {
  const [key, setKey] = useState('');
  const [account, setAccount] = useState(offered?.account ?? '');
  const [choosingAccount, setChoosingAccount] = useState(account !== '');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(notice);
  const input = useRef<HTMLInputElement>(null);

  async function attempt(session: Session) {
    setBusy(true);
    setProblem(undefined);
    const failure = await verify(session);
    setBusy(false);
    if (failure) {
      setProblem(describeFailure(failure));
      input.current?.focus();
    } else {
      signIn(session);
    }
  }

  const tried = useRef<Session>(undefined);
  useEffect(() => {
    if (offered && tried.current !== offered) {
      tried.current = offered;
      void attempt(offered);
    }
  });

  function submit(event: FormEvent) {
    event.preventDefault();
    const session = sessionOf(key, account);
    if (!session.key.startsWith('hk_')) {
      setProblem('An API key begins with hk_. Copy the whole key.');
      input.current?.focus();
      return;
    }
    void attempt(session);
  }

  return (
    <main className={classes.page}>
      <title>Sign in · Hookline</title>
      <div className={classes.corner}>
        <ColorSchemeToggle />
      </div>
      <Paper className={classes.card} withBorder shadow="sm" radius="lg">
        <form onSubmit={submit}>
          <Stack gap="md">
            <Group gap="sm" align="center">
              <Mark size={36} />
              <div>
                <Title order={1} size="h3" lh={1.2}>
                  Sign in to Hookline
                </Title>
                <Text size="sm" c="dimmed">
                  Every delivery, as it happens.
                </Text>
              </div>
            </Group>

            {problem && <Problem>{problem}</Problem>}

            <PasswordInput
              ref={input}
              label="API key"
              description="It stays in this tab and is forgotten when you close it."
              placeholder="hk_…"
              value={key}
              onChange={(event) => setKey(event.currentTarget.value)}
              autoComplete="off"
              spellCheck={false}
              required
              withAsterisk={false}
              data-autofocus
              autoFocus
            />

            <Collapse expanded={choosingAccount}>
              <TextInput
                label="Account"
                description="The account’s key, of those that the API key may act for."
                placeholder="the API key’s own"
                value={account}
                onChange={(event) => setAccount(event.currentTarget.value)}
                autoComplete="off"
                spellCheck={false}
              />
            </Collapse>

            <Button type="submit" loading={busy} fullWidth>
              Sign in
            </Button>

            <Group justify="space-between" gap="xs">
              {choosingAccount ? (
                <span />
              ) : (
                <Anchor component="button" type="button" size="sm" onClick={() => setChoosingAccount(true)}>
                  Choose another account
                </Anchor>
              )}
            </Group>
            <Text size="xs" c="dimmed" className={classes.hint}>
              The first start of <code>hookline serve</code> prints an administrator’s key and a link that signs you in.
            </Text>
          </Stack>
        </form>
      </Paper>
    </main>
  );
}
