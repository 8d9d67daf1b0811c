/** What happens on the way to SSM when a cold webhook needs its tokens: Consul posts once, and never again. */

import './silent.ts';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createWebhook } from '../../functions/webhook.ts';
import { wireWebhook } from '../../functions/wiring.ts';
import { type FaultyProxy, startFaultyProxy } from '../../infra/local/faulty-proxy.ts';
import { httpEvent, TOKEN } from './http-event.ts';
import { lambdaContext } from './lambda-context.ts';
import { startEnvironment, type TestEnvironment } from './start-environment.ts';
import { startParameters } from './start-parameters.ts';

const PARAMETER = '/hitless/test/webhook-tokens';

let environment: TestEnvironment;
let ssm: FaultyProxy;
beforeAll(async () => {
  const parameters = await startParameters();
  parameters.values.set(PARAMETER, TOKEN);
  ssm = await startFaultyProxy(parameters.url);
  environment = await startEnvironment(`
consul: { address: "http://127.0.0.1:1" }
store: s3://hitless/test
fleets:
  edge:
    instances: { lb1: unix:///does/not/exist.sock }
    backends: { be: { service: my-cluster, server: websrv, slots: 10 } }
`);
  vi.stubEnv('AWS_ENDPOINT_URL_SSM', ssm.url);
});
afterAll(() => ssm.stop());
afterEach(() => {
  ssm.faults = () => null;
});

/** A webhook that has read nothing yet. */
function cold() {
  const { HITLESS_WEBHOOK_TOKENS: _, ...variables } = environment.variables;
  return createWebhook((onStale) =>
    wireWebhook({ ...variables, HITLESS_WEBHOOK_TOKENS_PARAMETER: PARAMETER }, onStale),
  );
}

async function status(): Promise<number | undefined> {
  return (await cold()(httpEvent(), lambdaContext(10_000))).statusCode;
}

test('connections are reset for two seconds: 202', async () => {
  const endMs = performance.now() + 2_000;
  ssm.faults = () => (performance.now() < endMs ? { kind: 'reset' } : null);
  expect(await status()).toBe(202);
});

test('a reply never comes: 202', async () => {
  let requests = 0;
  ssm.faults = () => {
    requests += 1;
    return requests === 1 ? { kind: 'silence' } : null;
  };
  expect(await status()).toBe(202);
});

test("nothing ever comes: it is given up within the webhook's ten seconds", async () => {
  ssm.faults = () => ({ kind: 'silence' });
  const beganMs = performance.now();
  expect(await status()).toBe(500);
  expect(performance.now() - beganMs).toBeLessThan(8_000);
});
