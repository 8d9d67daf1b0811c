/** What the process with web servers and clients is asked, and what it answers. Times are milliseconds since 1970. */

import * as v from 'valibot';

export const trafficRequest = v.variant('do', [
  /** Starts web servers. Each has an address of its own: HAProxy's DNS discovery mixes up servers that share one. */
  v.object({
    do: v.literal('servers'),
    servers: v.array(v.object({ name: v.string(), address: v.string() })),
  }),
  v.object({ do: v.literal('traffic'), url: v.string(), clients: v.number(), everyMs: v.number() }),
  /** What was seen of a server until now does not count. */
  v.object({ do: v.literal('forget'), name: v.string() }),
  v.object({ do: v.literal('seen'), name: v.string() }),
  v.object({ do: v.literal('failures') }),
]);

export const serversStarted = v.object({ ports: v.array(v.number()) });
export const serverSeen = v.object({
  first: v.nullable(v.number()),
  last: v.nullable(v.number()),
  requests: v.number(),
  nowMs: v.number(),
});
export const failed = v.object({ failures: v.array(v.string()) });
