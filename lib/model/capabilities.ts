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

/**
 * From which release of each line `del server` cannot end the process, while another client's `show servers state` is
 * paused in between or streams still refer to the server (upstream 282ac06d8 and ca686e320, in 3.2.22 and 3.4.3; before
 * that Debian's 2.6.12-1+deb12u4 and 3.0.11-1+deb13u4 die of it within seconds, measured). A line that is not named has
 * no such release; those after the last one have the fix from their start.
 */
const DELETES_SAFELY_SINCE: readonly (readonly [major: number, minor: number, patch: number])[] = [
  [3, 2, 22],
  [3, 4, 3],
];

export interface Capabilities extends Readonly<Record<Ability, boolean>> {
  /** As `show info` has it, for messages. */
  readonly version: string;
  /** `del server` cannot end the process. */
  readonly deletesServersSafely: boolean;
}

/** @param version such as `2.6.12-1+deb12u3`; one that is not understood can nothing. */
export function capabilitiesOf(version: string): Capabilities {
  const can = (ability: Ability) => isAtLeast(version, SINCE[ability]);
  return {
    version,
    deletesServersSafely: deletesSafely(version),
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

/** What a distribution adds behind the three numbers does not count: whether it has the fix, nobody can tell by it. */
function deletesSafely(version: string): boolean {
  const found = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  const [, major, minor, patch] = (found ?? []).map(Number);
  if (major === undefined || minor === undefined || patch === undefined) return false;
  const line = DELETES_SAFELY_SINCE.find(([ownMajor, ownMinor]) => ownMajor === major && ownMinor === minor);
  if (line !== undefined) return patch >= line[2];
  const [lastMajor = 0, lastMinor = 0] = DELETES_SAFELY_SINCE.at(-1) ?? [];
  return major > lastMajor || (major === lastMajor && minor > lastMinor);
}
