/** SSM's Parameter Store on loopback, as far as the SDK's JSON protocol for GetParameters; ended after the file's tests. */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import * as v from 'valibot';
import { afterAll } from 'vitest';
import { freePort } from '../../infra/local/free-port.ts';

export interface Parameters {
  /** For AWS_ENDPOINT_URL_SSM. */
  readonly url: string;
  /** By name, with the slash. */
  readonly values: Map<string, string>;
  /** The names of each request, in order. */
  readonly asked: (readonly string[])[];
  /** What SSM does; `silent` accepts the request and never answers. */
  mode: 'answers' | 'denies' | 'silent';
}

const getParameters = v.object({ Names: v.array(v.string()), WithDecryption: v.literal(true) });

export async function startParameters(): Promise<Parameters> {
  const port = await freePort();
  const parameters: Parameters = {
    url: `http://127.0.0.1:${port}`,
    values: new Map(),
    asked: [],
    mode: 'answers',
  };
  const server = createServer(async (request, response) => {
    if (request.headers['x-amz-target'] !== 'AmazonSSM.GetParameters') throw new Error('another operation');
    const { Names } = v.parse(getParameters, await json(request));
    parameters.asked.push(Names);
    if (parameters.mode === 'silent') return;
    const denied = parameters.mode === 'denies';
    response.writeHead(denied ? 400 : 200, { 'Content-Type': 'application/x-amz-json-1.1' });
    const refusal = {
      __type: 'AccessDeniedException',
      message: 'not authorized to perform: ssm:GetParameters',
    };
    response.end(JSON.stringify(denied ? refusal : answer(Names, parameters.values)));
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  afterAll(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  return parameters;
}

function answer(names: readonly string[], values: ReadonlyMap<string, string>): object {
  return {
    Parameters: names.flatMap((Name) => {
      const Value = values.get(Name);
      return Value === undefined ? [] : [{ Name, Value, Type: 'SecureString', Version: 1 }];
    }),
    InvalidParameters: names.filter((name) => !values.has(name)),
  };
}
