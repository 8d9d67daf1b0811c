/** Records for tests of the slot table, so that a test states only what differs. */

import type { Endpoint } from '../../lib/model/endpoint.ts';
import type { BackendPolicy } from '../../lib/model/fleet.ts';
import type { Reading } from '../../lib/model/service-entry.ts';

export function policy(differs: Partial<BackendPolicy> = {}): BackendPolicy {
  return {
    backend: 'be_template',
    service: 'my-cluster',
    tags: [],
    include: ['passing'],
    weights: true,
    server: 'websrv',
    slots: 5,
    spare: 0,
    options: 'check',
    placeholder: { address: '0.0.0.0', port: 80 },
    drainMs: 30_000,
    keep: 0,
    holdMs: 60_000,
    allowEmpty: false,
    ...differs,
  };
}

/** `endpoint(7)` is 10.0.0.7:8080 with weight 1. */
export function endpoint(number: number, weight = 1): Endpoint {
  return { address: `10.0.${Math.floor(number / 256)}.${number % 256}`, port: 8080, weight };
}

export function reading(endpoints: readonly Endpoint[], differs: Partial<Reading> = {}): Reading {
  return { endpoints, leaving: [], refused: [], unusable: [], notices: [], ...differs };
}
