// How times, lengths of time and sizes are written on the dashboard.

const pad = (value: number, width = 2) => String(value).padStart(width, '0');

/** The local time of day to the millisecond, after month and day when they are not those of `now`. */
export function clockTime(instant: string, now: Date): string {
  const time = new Date(instant);
  return time.toDateString() === now.toDateString() ? clock(time) : `${monthDay(time)} ${clock(time)}`;
}

/** The local date and time with its offset, and the instant as the server gave it. */
export function fullTime(instant: string): string {
  const time = new Date(instant);
  const minutes = -time.getTimezoneOffset();
  const offset = `${minutes < 0 ? '−' : '+'}${pad(Math.floor(Math.abs(minutes) / 60))}:${pad(Math.abs(minutes) % 60)}`;
  return `${time.getFullYear()}-${monthDay(time)} ${clock(time)} UTC${offset}\n${instant}`;
}

function clock(time: Date): string {
  return `${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}.${pad(time.getMilliseconds(), 3)}`;
}

function monthDay(time: Date): string {
  return `${pad(time.getMonth() + 1)}-${pad(time.getDate())}`;
}

/** A length of time given in milliseconds, to three digits or so. */
export function duration(ms: number): string {
  if (ms < 999.5) {
    return `${ms < 9.995 ? trim(ms.toFixed(2)) : ms < 99.95 ? trim(ms.toFixed(1)) : ms.toFixed(0)} ms`;
  }
  if (ms < 59_995) {
    return `${(ms / 1000).toFixed(ms < 9_995 ? 2 : 1)} s`;
  }
  const seconds = Math.round(ms / 1000);
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3_600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

function trim(number: string): string {
  return number.replace(/\.?0+$/, '');
}

/** How far an instant lies from now: `in 2 min 5 s`, `3 h ago`. */
export function distance(instant: string, now: Date): string {
  const ms = new Date(instant).getTime() - now.getTime();
  if (Math.abs(ms) < 1000) {
    return 'now';
  }
  const length = duration(Math.round(Math.abs(ms) / 1000) * 1000).replace(/\.\d+ s$/, ' s');
  return ms > 0 ? `in ${length}` : `${length} ago`;
}

const grouped = new Intl.NumberFormat('en');

/** A whole number, its thousands set apart. */
export function count(value: number): string {
  return grouped.format(value);
}

/** A number of bytes. */
export function bytes(value: number): string {
  if (value < 1024) {
    return `${value} ${value === 1 ? 'byte' : 'bytes'}`;
  }
  return value < 1024 ** 2 ? `${trim((value / 1024).toFixed(1))} KiB` : `${trim((value / 1024 ** 2).toFixed(1))} MiB`;
}
