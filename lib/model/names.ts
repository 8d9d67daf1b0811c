/**
 * Which names may appear in a Runtime API command, an object key or a configuration line.
 *
 * HAProxy's command line has no safe quoting: `;`, a newline, a NUL (3.2), a trailing backslash and a last word
 * `<<` all change what is executed, and `#1` addresses a server by its id (measured on 2.2 to 3.2). So names are
 * never escaped, only allowed or refused.
 */

const HAPROXY_NAME = /^[A-Za-z0-9_.:-]+$/;
const KEY_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*$/;
const LONGEST_NAME = 128;

/** JavaScript's own: valibot leaves such keys out of a map without a word. All others, `toString` too, can be names. */
const IMPOSSIBLE_NAMES = new Set(['__proto__', 'constructor', 'prototype']);

/** Whether no backend, fleet or instance can have this name. */
export function isImpossibleName(name: string): boolean {
  return IMPOSSIBLE_NAMES.has(name);
}

/** Whether `name` can stand for a backend or a server in a command and in a configuration file. Empty: no. */
export function isHaproxyName(name: string): boolean {
  return name.length <= LONGEST_NAME && HAPROXY_NAME.test(name);
}

/**
 * Whether `name` can stand for a fleet or an instance: it becomes part of object keys, file paths and queue
 * message groups, so neither a dot nor a slash is allowed. Empty: no.
 */
export function isKeyName(name: string): boolean {
  return name.length <= LONGEST_NAME && KEY_NAME.test(name);
}
