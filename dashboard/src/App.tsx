import { MantineProvider } from '@mantine/core';
import { useEffect, useMemo, useSyncExternalStore } from 'react';
import { Provider } from 'urql';
import { sessionClient } from './api/client';
import { LiveLogPage } from './livelog/LiveLogPage';
import { NotFound } from './NotFound';
import { navigate, usePath } from './route';
import { SignIn } from './session/SignIn';
import { onSessionChange, type Session, sessionState } from './session/session';
import { theme } from './theme';

/** The nonce under which the content security policy allows style elements; the server puts it into the page. */
function styleNonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[property=csp-nonce]')?.nonce ?? '';
}

export function App() {
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={styleNonce}>
      <Pages />
    </MantineProvider>
  );
}

function Pages() {
  const path = usePath();
  const state = useSyncExternalStore(onSessionChange, sessionState);

  // The query part stays, so that who signs in finds the page as the link had it.
  useEffect(() => {
    if (!state.signedIn && path !== '/signin') {
      navigate(`/signin${location.search}`, { replace: true });
    } else if (state.signedIn && path === '/signin') {
      navigate(`/${location.search}`, { replace: true });
    }
  }, [state, path]);

  if (!state.signedIn) {
    return <SignIn notice={state.notice} offered={state.offered} />;
  }
  return <SignedIn key={`${state.session.account} ${state.session.key}`} session={state.session} path={path} />;
}

function SignedIn({ session, path }: { session: Session; path: string }) {
  const client = useMemo(() => sessionClient(session), [session]);
  return (
    <Provider value={client}>
      {path === '/' || path === '/signin' ? <LiveLogPage session={session} /> : <NotFound />}
    </Provider>
  );
}
