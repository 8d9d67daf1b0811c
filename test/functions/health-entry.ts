/** One entry of Consul's `/v1/health/service`, with what Hitless reads of it and a little of what it does not. */

export function healthEntry(address: string, port = 8080, tags: readonly string[] = []) {
  return {
    Node: { ID: '', Node: 'node1', Address: '10.9.9.9', Datacenter: 'dc1' },
    Service: {
      ID: `${address}:${port}`,
      Service: 'my-cluster',
      Tags: tags,
      Address: address,
      Port: port,
      Weights: { Passing: 1, Warning: 1 },
    },
    Checks: [{ Node: 'node1', CheckID: 'service:1', Status: 'passing', Output: '' }],
  };
}
