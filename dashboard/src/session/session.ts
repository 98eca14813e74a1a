// Who is signed in. The key lives in this tab's session storage and nowhere else: closing the tab forgets it.

/** An API key and the account to work in. */
export interface Session {
  readonly key: string;
  /** The account's key, for the header `Hookline-Account`; without it the API key's own account. */
  readonly account?: string;
}

/** Whether somebody is signed in; if not, what to say about it, and the session that a sign-in link has brought. */
export type SessionState =
  | { readonly signedIn: true; readonly session: Session }
  | { readonly signedIn: false; readonly notice?: string; readonly offered?: Session };

/** Makes a session of what somebody has entered; an empty account is none. */
export function sessionOf(key: string, account: string): Session {
  const chosen = account.trim();
  return chosen === '' ? { key: key.trim() } : { key: key.trim(), account: chosen };
}

/** Reads the session out of a sign-in link's fragment, `#key=hk_…` with an optional `&account=…`. */
export function sessionFromFragment(fragment: string): Session | undefined {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  const key = parameters.get('key');
  if (!key) {
    return undefined;
  }
  return sessionOf(key, parameters.get('account') ?? '');
}

/** Reads a stored session; undefined when there is none or it is not one. */
export function parseSession(stored: string | null): Session | undefined {
  try {
    const value: unknown = JSON.parse(stored ?? 'null');
    if (typeof value === 'object' && value !== null && 'key' in value && typeof value.key === 'string') {
      const account = 'account' in value ? value.account : undefined;
      return sessionOf(value.key, typeof account === 'string' ? account : '');
    }
  } catch {
    // Not JSON: not ours.
  }
  return undefined;
}

const item = 'hookline.session';
const listeners = new Set<() => void>();
let state: SessionState = { signedIn: false };

function change(next: SessionState) {
  state = next;
  for (const listener of listeners) {
    listener();
  }
}

/** Takes up the session of a sign-in link, whose key leaves the address bar at once; returns whether there was one. */
function takeLink() {
  const offered = sessionFromFragment(location.hash);
  if (offered) {
    history.replaceState(null, '', location.pathname + location.search);
    change({ signedIn: false, offered });
  }
  return offered !== undefined;
}

/** Takes up the session of a sign-in link, also of one that is opened later on this page, or else of this tab. */
export function openSession() {
  addEventListener('hashchange', takeLink);
  if (!takeLink()) {
    const session = parseSession(sessionStorage.getItem(item));
    change(session ? { signedIn: true, session } : { signedIn: false });
  }
}

/** Keeps a session that has been verified. */
export function signIn(session: Session) {
  sessionStorage.setItem(item, JSON.stringify(session));
  change({ signedIn: true, session });
}

/** Forgets the session; the notice says why, when it was not the person's own wish. */
export function signOut(notice?: string) {
  sessionStorage.removeItem(item);
  change({ signedIn: false, notice });
}

export function sessionState(): SessionState {
  return state;
}

export function onSessionChange(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}
