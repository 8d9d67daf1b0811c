/** Numbers, times and lists in words. */

/** `1 instance`, `3 instances`. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** `lb1, lb2, lb3 and 47 more`. */
export function some(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** An ISO 8601 time without fractions. */
export function toTheSecond(time: string): string {
  return time.replace(/\.\d+Z$/, 'Z');
}

/** As it would be written in hitless.yml: `500ms`, `30s`, `5m`. */
export function duration(ms: number): string {
  if (ms % 1_000 !== 0) return `${ms}ms`;
  return ms > 0 && ms % 60_000 === 0 ? `${ms / 60_000}m` : `${ms / 1_000}s`;
}
