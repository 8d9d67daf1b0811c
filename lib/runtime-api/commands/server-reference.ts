/** How a backend and a server are named in a command: `BACKEND/SERVER`. */

import { isHaproxyName } from '../../model/names.ts';

/**
 * @throws RangeError when a name is not one that may go on the wire: HAProxy's command line has no safe quoting, so
 *   names are allowed or refused, never escaped. `#1`, which would address a server by its id, is refused as well.
 */
export function serverReference(of: { readonly backend: string; readonly server: string }): string {
  return `${backendReference(of.backend)}/${checked('server', of.server)}`;
}

/** @throws RangeError as for {@link serverReference}. */
export function backendReference(backend: string): string {
  return checked('backend', backend);
}

function checked(what: string, name: string): string {
  if (!isHaproxyName(name)) throw new RangeError(`not a name of a ${what}: ${JSON.stringify(name)}`);
  return name;
}
