/** What the demo says that it shows, and whether it was observed. */

export interface Claim {
  readonly step: string;
  /** A sentence; with what was seen instead when it was not observed. */
  readonly what: string;
  readonly observed: boolean;
}

export interface Claims {
  readonly all: readonly Claim[];
  /** @param instead what was seen when it is not so; null: it is so. */
  add(step: string, what: string, instead: string | null): void;
}

export function createClaims(): Claims {
  const all: Claim[] = [];
  return {
    all,
    add(step, what, instead) {
      const observed = instead === null;
      all.push({ step, what: observed ? what : `${what}: ${instead}`, observed });
    },
  };
}
