/**
 * What a command found out, made fit to be printed: the one door between what others wrote (Consul, load balancers,
 * documents of the store) and every printer of this folder, which adds colours and nothing else that is invisible.
 */

import { visible } from '../../model/printable.ts';

/** The same value with every text in it visible, names of fields too. */
export function visibleIn<T>(value: T): T;
export function visibleIn(value: unknown): unknown {
  if (typeof value === 'string') return visible(value);
  if (Array.isArray(value)) return value.map((item) => visibleIn(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [visible(key), visibleIn(field)]));
}
