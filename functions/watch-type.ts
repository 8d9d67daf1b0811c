/**
 * Which type of Consul watch posts a body like this: to tell an operator which watch to correct.
 * Shapes: measured on Consul 1.8.7, one watch of every type.
 */

export type OtherWatchType =
  | 'services'
  | 'checks'
  | 'nodes'
  | 'event'
  | 'key'
  | 'keyprefix'
  | 'key or keyprefix';

/** The keys that tell the entries of an array apart; the first that fits is taken. */
const ENTRY_KEYS = [
  ['checks', ['CheckID', 'Status']],
  ['event', ['ID', 'Name', 'LTime']],
  ['keyprefix', ['Key', 'CreateIndex']],
  ['nodes', ['Node', 'Address']],
] as const satisfies readonly (readonly [OtherWatchType, readonly string[]])[];

/**
 * @param data parsed JSON that is not the body of a `service` watch.
 * @returns null when it is not the body of any watch, or an empty array, which most of them may send.
 */
export function otherWatchType(data: unknown): OtherWatchType | null {
  if (data === null) return 'key or keyprefix';
  if (Array.isArray(data)) {
    const [first] = data;
    return ENTRY_KEYS.find(([, keys]) => hasKeys(first, keys))?.[0] ?? null;
  }
  if (hasKeys(data, ['Key', 'CreateIndex'])) return 'key';
  return isTagsByName(data) ? 'services' : null;
}

function hasKeys(value: unknown, keys: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && keys.every((key) => Object.hasOwn(value, key));
}

/** `{"consul":[],"web":["v1"]}`; Consul itself is always there. */
function isTagsByName(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.keys(value).length === 0) return false;
  return Object.values(value).every(
    (tags) => Array.isArray(tags) && tags.every((tag) => typeof tag === 'string'),
  );
}
