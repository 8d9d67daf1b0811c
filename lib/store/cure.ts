/** What to do about a document that cannot be read: which can be deleted, and what it is then made anew from. */

const FLEET = /^fleets\/([^/]+)\//;

/** The fleet whose document is at `key`; undefined: `key` is of none. */
export function fleetOf(key: string): string | undefined {
  return FLEET.exec(key)?.[1];
}

/** A sentence for an operator; undefined when `key` is none of the documents that are read. */
export function cureFor(key: string): string | undefined {
  const fleet = fleetOf(key);
  if (fleet === undefined) return undefined;
  const [, rest = ''] = key.split(`fleets/${fleet}/`);
  if (rest === 'slots.json') {
    return (
      `put back the newest fleets/${fleet}/generations/N/slots.json; or delete it, then the next pass makes it anew` +
      ' from Consul and from what the load balancers serve'
    );
  }
  if (rest === 'current.json') return 'delete it, the next pass writes it anew from the slot table';
  if (rest === 'instances.json') return 'delete it, the next pass makes it anew from Consul';
  if (rest.startsWith('shards/')) {
    return `delete it, the next pass makes it anew from fleets/${fleet}/instances/NAME/report.json`;
  }
  if (rest.endsWith('/report.json')) {
    return 'delete it, the next pass writes it anew (a server that an operator holds is then known again once it is seen)';
  }
  return undefined;
}
