/** Whose an endpoint is in Consul: the name of its node, and its service id there. */

export interface Registration {
  /** As Consul has it, cut and with control characters made visible; as is `id`. */
  readonly node: string;
  readonly id: string;
}

/** Nobody's is nobody else's. */
export function sameRegistration(one: Registration | undefined, other: Registration | undefined): boolean {
  return one?.node === other?.node && one?.id === other?.id;
}

/** One string per registration. */
export function registrationKey({ node, id }: Registration): string {
  return JSON.stringify([node, id]);
}
