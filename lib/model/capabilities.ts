/** What one HAProxy can do that others cannot, by its version: the only place that knows versions. */

/** The version in which each ability came. */
const SINCE = {
  /** `add server` and `del server`. 2.4 and 2.5 have them behind `experimental-mode`, which is not used. */
  addServer: [2, 6],
  /** 2.6 answers `'cookie' option is not accepted for dynamic server` (measured; 3.0 and 3.2 accept it). */
  addServerWithCookie: [3, 0],
  /** An added server keeps idle connections as a declared one does; on 2.6 its pool holds none (measured on 2.6, 3.0, 3.2). */
  poolsForAddedServers: [3, 0],
  /** Connections to a server's former address never go back to its pool (measured: 2.2 and 2.6 do, 3.0 and 3.2 do not). */
  forgetsFormerAddress: [3, 0],
  /** An address takes effect a moment after the answer: a look right behind it may come too early (measured, as above). */
  setsAddressesLater: [3, 0],
} as const satisfies Record<string, readonly [number, number]>;

export type Ability = keyof typeof SINCE;

export interface Capabilities extends Readonly<Record<Ability, boolean>> {
  /** As `show info` has it, for messages. */
  readonly version: string;
}

/** @param version such as `2.6.12-1+deb12u3`; one that is not understood can nothing. */
export function capabilitiesOf(version: string): Capabilities {
  const can = (ability: Ability) => isAtLeast(version, SINCE[ability]);
  return {
    version,
    addServer: can('addServer'),
    addServerWithCookie: can('addServerWithCookie'),
    poolsForAddedServers: can('poolsForAddedServers'),
    forgetsFormerAddress: can('forgetsFormerAddress'),
    setsAddressesLater: can('setsAddressesLater'),
  };
}

/** `2.6`, for a sentence that says from which version on it works. */
export function since(ability: Ability): string {
  return SINCE[ability].join('.');
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const found = /^(\d+)\.(\d+)/.exec(version);
  if (found === null) return false;
  const [ownMajor, ownMinor] = [Number(found[1]), Number(found[2])];
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
