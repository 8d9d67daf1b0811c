/** How Consul agents reach the webhook: over the internet, or only from within the VPC. */

import type { Parameters } from './parameters.ts';

/** Far above what watches post: one request for each change of a service and agent. */
const REQUESTS_PER_SECOND = 100;

/**
 * Public: an HTTP API. Private: a REST API, for an HTTP API cannot be private; it answers only what comes through the
 * endpoint, whatever else the account allows.
 */
export function apiOf(stage: string, { api, apiVpcEndpoint }: Parameters) {
  if (api === 'public' || apiVpcEndpoint === undefined) {
    const settings = { ThrottlingRateLimit: REQUESTS_PER_SECOND, ThrottlingBurstLimit: REQUESTS_PER_SECOND };
    return {
      endpointType: 'REGIONAL',
      events: [{ httpApi: 'POST /watch/{service}' }],
      extensions: { HttpApiStage: { Properties: { DefaultRouteSettings: settings } } },
    };
  }
  return {
    endpointType: 'PRIVATE',
    vpcEndpointIds: [apiVpcEndpoint],
    resourcePolicy: [
      {
        Sid: 'ThroughTheEndpoint',
        Effect: 'Allow',
        Principal: '*',
        Action: 'execute-api:Invoke',
        Resource: `execute-api:/${stage}/POST/watch/*`,
        Condition: { StringEquals: { 'aws:SourceVpce': apiVpcEndpoint } },
      },
    ],
    events: [{ http: { method: 'post', path: 'watch/{service}' } }],
    extensions: {},
  };
}
