import { ActionIcon, Button, Popover, Text } from '@mantine/core';
import { useQuery } from 'urql';
import { ColorSchemeToggle } from './ColorSchemeToggle';
import classes from './Header.module.css';
import { Mark, PersonIcon } from './icons';
import { type Session, signOut } from './session/session';
import { ViewerQuery } from './session/viewer';

/** The bar on top of every page: what this is, whose account it shows, and who is signed in. */
export function Header({ session }: { session: Session }) {
  const [{ data }] = useQuery({ query: ViewerQuery });
  const viewer = data?.viewer;
  return (
    <header className={classes.header}>
      <a className={classes.brand} href="/" aria-label="Hookline, live log">
        <Mark size={26} />
        <span>Hookline</span>
      </a>
      <span className={classes.account} title="The account that this page shows">
        {viewer?.account.name ?? session.account ?? '…'}
        {viewer && viewer.account.name.toLowerCase() !== viewer.account.key.toLowerCase() && (
          <code>{viewer.account.key}</code>
        )}
      </span>
      <div className={classes.end}>
        <ColorSchemeToggle />
        <Popover position="bottom-end" width={260} shadow="md" trapFocus>
          <Popover.Target>
            <ActionIcon variant="subtle" color="gray" size="lg" aria-label="Who is signed in">
              <PersonIcon />
            </ActionIcon>
          </Popover.Target>
          <Popover.Dropdown aria-label="Who is signed in">
            <Text size="xs" c="dimmed">
              {viewer?.keyKind === 'PORTAL' ? 'Signed in by a link, as' : 'Signed in with the API key'}
            </Text>
            <Text fw={600} truncate>
              {viewer?.keyName ?? '…'}
            </Text>
            {viewer?.expiresAt && (
              <Text size="xs" c="dimmed">
                until {new Date(viewer.expiresAt).toLocaleString()}
              </Text>
            )}
            <ul className={classes.scopes} aria-label="What the key may do">
              {viewer?.scopes.map((scope) => (
                <li key={scope}>{scope}</li>
              ))}
            </ul>
            <Button variant="default" size="xs" fullWidth onClick={() => signOut()}>
              Sign out
            </Button>
            {viewer && (
              <Text size="xs" c="dimmed" mt="sm">
                Hookline {viewer.version}
              </Text>
            )}
          </Popover.Dropdown>
        </Popover>
      </div>
    </header>
  );
}
