import { useSyncExternalStore } from 'react';

const listeners = new Set<() => void>();

function onLocationChange(listener: () => void) {
  listeners.add(listener);
  addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    removeEventListener('popstate', listener);
  };
}

/** The path of the page's address. */
export function usePath(): string {
  return useSyncExternalStore(onLocationChange, () => location.pathname);
}

/** The query part of the page's address, with its question mark. */
export function useSearch(): string {
  return useSyncExternalStore(onLocationChange, () => location.search);
}

/** Goes to another address of the dashboard without loading a page; in place of the present one, if replace is set. */
export function navigate(to: string, { replace = false } = {}) {
  if (to === location.pathname + location.search) {
    return;
  }
  history[replace ? 'replaceState' : 'pushState'](null, '', to);
  for (const listener of listeners) {
    listener();
  }
}
