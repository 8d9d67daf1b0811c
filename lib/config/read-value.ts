/** Single values of the configuration file: durations, shares, counts, names. */

import * as v from 'valibot';
import { LONGEST_SHOWN, sizeText } from '../model/limits.ts';
import { isHaproxyName, isKeyName } from '../model/names.ts';
import { printable } from '../model/printable.ts';

/** What a text was read as, or the sentence that says why it could not be. */
export type Read<T> = { readonly value: T } | { readonly refused: string };

/** A schema that reads a value of unknown type; `read` refuses with a sentence for an operator. */
export function readWith<T>(read: (input: unknown) => Read<T>) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const result = read(dataset.value);
      if ('value' in result) return result.value;
      addIssue({ message: result.refused });
      return NEVER;
    }),
  );
}

/** `expected …, got …`. What has an `@` is not repeated: it may be a URL with a password. */
export function expected(what: string, input: unknown): string {
  if (input === null || input === undefined) return `expected ${what}, got nothing`;
  if (Array.isArray(input)) return `expected ${what}, got a list`;
  if (typeof input === 'object') return `expected ${what}, got a map`;
  const whole = typeof input === 'string' ? JSON.stringify(input) : String(input);
  const shown = printable(whole, LONGEST_SHOWN.line);
  return whole.includes('@') ? `expected ${what}` : `expected ${what}, got ${shown}`;
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const LONGEST_MS = 24 * 3_600_000;

/** `500ms`, `30s`, `5m`, `1h`, in milliseconds; at most 24 h. */
export function duration(atLeastMs = 0) {
  return readWith((input) => {
    const match = typeof input === 'string' ? /^(\d{1,9})(ms|s|m|h)$/.exec(input) : null;
    const unit = MILLISECONDS[match?.[2] ?? ''];
    if (match === null || unit === undefined) {
      return { refused: expected('a duration such as 500ms, 30s or 5m', input) };
    }
    const ms = Number(match[1]) * unit;
    if (ms > LONGEST_MS) return { refused: expected('at most 24h', input) };
    return ms < atLeastMs ? { refused: expected(`at least ${atLeastMs}ms`, input) } : { value: ms };
  });
}

const BYTES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 * 1024 };

/** `512KiB` or `32MiB`, in bytes. */
export function size(least: number, most: number) {
  return readWith((input) => {
    const match = typeof input === 'string' ? /^(\d{1,6})(KiB|MiB)$/.exec(input) : null;
    const bytes = Number(match?.[1] ?? Number.NaN) * (BYTES[match?.[2] ?? ''] ?? Number.NaN);
    return bytes >= least && bytes <= most
      ? { value: bytes }
      : { refused: expected(`a size from ${sizeText(least)} to ${sizeText(most)}`, input) };
  });
}

/** `50%` as 0.5; from 0% to 100%. */
export function share() {
  return readWith((input) => {
    const match = typeof input === 'string' ? /^(\d{1,3}(?:\.\d{1,3})?)%$/.exec(input) : null;
    const percent = Number(match?.[1] ?? Number.NaN);
    return percent <= 100
      ? { value: percent / 100 }
      : { refused: expected('a share from 0% to 100%', input) };
  });
}

export function count(least: number, most: number) {
  return readWith((input) =>
    typeof input === 'number' && Number.isInteger(input) && input >= least && input <= most
      ? { value: input }
      : { refused: expected(`a whole number from ${least} to ${most}`, input) },
  );
}

export function yesOrNo() {
  return v.boolean((issue) => expected('true or false', issue.input));
}

/** A text without spaces and control characters that `is` lets through. */
export function word(what: string, is: (text: string) => boolean) {
  return readWith((input) =>
    typeof input === 'string' && is(input) ? { value: input } : { refused: expected(what, input) },
  );
}

/** Room for the number of the slot: 4095 and what it may grow to. */
const LONGEST_SLOT_NUMBER = '00000';

/** The part of a slot's name before its number. */
export function slotPrefix() {
  return word('the beginning of a server name (letters, digits, _ . : -)', (text) =>
    text === '' ? false : isHaproxyName(`${text}${LONGEST_SLOT_NUMBER}`),
  );
}

/** A path on this machine; relative to the configuration file. */
export function path() {
  return word('a path', (text) => text !== '' && !/\p{Cc}/u.test(text));
}

/** A name of Consul's that must fit into one segment of a URL. */
export function consulName(what: string) {
  return word(what, (text) => text.length <= 256 && /^[^\s/?#%\\\p{C}]+$/u.test(text));
}

/** Why a key cannot be the name of a fleet or an instance; undefined: it can. */
export function whyNotKeyName(name: string): string | undefined {
  return isKeyName(name) ? undefined : 'a name is letters, digits, _ and -, begins with a letter or digit';
}

/** Why a key cannot be the name of a backend; undefined: it can. */
export function whyNotBackendName(name: string): string | undefined {
  return isHaproxyName(name) ? undefined : 'the name of a HAProxy backend is letters, digits, _ . : and -';
}
