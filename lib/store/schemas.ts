/** The values that stored documents are made of, each with the limits that the model gives it. */

import * as v from 'valibot';
import { isReservedIpv4, parseIpAddress } from '../model/ip-address.ts';
import { MOST_GENERATIONS } from '../model/limits.ts';
import { isHaproxyName, isKeyName } from '../model/names.ts';

/** Milliseconds since 1970. */
export const timeMs = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
export const generation = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MOST_GENERATIONS));
export const digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, 'expected a sha256 in lower-case hex'));
export const keyName = v.pipe(v.string(), v.check(isKeyName, 'expected a name of letters, digits, - and _'));
export const haproxyName = v.pipe(v.string(), v.check(isHaproxyName, 'expected a name that HAProxy takes'));
export const weight = v.nullable(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(256)));

/**
 * What is stored goes to HAProxy: a store that somebody else wrote to must not get past the rules for addresses. A
 * reserved one that a former release took is read, so that the next pass can take its server out; it is never sent.
 */
export const address = v.pipe(
  v.string(),
  v.check(
    (text) => parseIpAddress(text) === text || isReservedIpv4(text),
    'expected a canonical unicast IP address',
  ),
);
export const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
