import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { deployment } from '../../../infra/aws/deployment.ts';
import { type TemporaryFolder, temporaryFolder } from '../../../infra/local/temporary-folder.ts';

const PARAMETERS = 'region: eu-west-1\nsubnets: [subnet-0a]\nsecurityGroup: sg-0a\n';
const HITLESS = `
store: s3://bucket
fleets: { edge: { instances: { lb1: tcp://10.0.0.1:9999 }, backends: { be: { service: s } } } }
`;

const folders: TemporaryFolder[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) folder.remove();
});

/** @param files replace or add to those that are right. */
function deployed(files: Readonly<Record<string, string>>, stage = 'test') {
  const folder = temporaryFolder('deployment');
  folders.push(folder);
  const all = { 'parameters.yml': PARAMETERS, 'hitless.yml': HITLESS, ...files };
  for (const [path, text] of Object.entries(all)) {
    mkdirSync(dirname(join(folder.path, path)), { recursive: true });
    writeFileSync(join(folder.path, path), text);
  }
  return deployment({ options: { stage, param: [`folder=${folder.path}`] } });
}

test('three parameters are enough', async () => {
  await expect(deployed({})).resolves.toMatchObject({ name: 'hitless-test', files: [] });
});

test('the example is a deployment', async () => {
  await expect(deployment({ options: {} })).resolves.toMatchObject({
    stage: 'example',
    files: [],
  });
});

test('the certificate of Consul is packaged', async () => {
  const https = `consul: { address: https://c:8501, ca: tls/ca.pem }\n${HITLESS}`;
  await expect(deployed({ 'hitless.yml': https, 'tls/ca.pem': '' })).resolves.toMatchObject({
    files: ['tls/ca.pem'],
  });
});

describe('refused, with a word on what to change', () => {
  const cases = [
    { what: 'a stage without a folder', files: {}, stage: 'Prod', says: 'a stage has 1 to 16 letters' },
    {
      what: 'an unknown parameter',
      files: { 'parameters.yml': `${PARAMETERS}subnet: subnet-0a\n` },
      says: 'subnet: ',
    },
    {
      what: 'a parameter that is missing',
      files: { 'parameters.yml': 'region: eu-west-1\nsubnets: [subnet-0a]\n' },
      says: 'securityGroup: ',
    },
    {
      what: 'parameters that are no YAML',
      files: { 'parameters.yml': 'region: [' },
      says: 'parameters.yml:',
    },
    {
      what: 'a private API without its endpoint',
      files: { 'parameters.yml': `${PARAMETERS}api: private\n` },
      says: '`api: private` and `apiVpcEndpoint` belong together',
    },
    {
      what: 'less concurrency than an event source may have',
      files: { 'parameters.yml': `${PARAMETERS}workers: 1\n` },
      says: 'workers: expected a whole number from 2 to 1000',
    },
    {
      what: 'a secret in the place of its name',
      files: { 'parameters.yml': `${PARAMETERS}webhookTokens: 0123456789abcdef0123456789abcdef\n` },
      says: 'webhookTokens: expected the name of an SSM parameter',
    },
    {
      what: 'a configuration that is wrong',
      files: { 'hitless.yml': 'store: s3://bucket\n' },
      says: 'fleets',
    },
    {
      what: 'a store that is a folder',
      files: { 'hitless.yml': HITLESS.replace('s3://bucket', 'file:/var/lib/hitless') },
      says: 'store: must be s3://BUCKET/PREFIX',
    },
    {
      what: 'a unix socket, which is on another host',
      files: { 'hitless.yml': HITLESS.replace('tcp://10.0.0.1:9999', 'unix:///run/haproxy.sock') },
      says: 'fleets.edge.instances.lb1: is a socket of its own host',
    },
    {
      what: 'a private key beside hitless.yml, which would be packaged',
      files: {
        'hitless.yml': `consul: { address: https://c:8501, ca: ca.pem, cert: c.pem, key: c.key }\n${HITLESS}`,
        'ca.pem': '',
      },
      says: 'consul: cert and key would be packaged',
    },
    {
      what: 'a template that is not below the folder',
      files: {
        'hitless.yml': HITLESS.replace('backends:', 'template: ../../../../etc/hostname, backends:'),
      },
      says: 'must be below',
    },
  ];

  test.each(cases)('$what', async ({ files, stage, says }) => {
    await expect(deployed(files, stage)).rejects.toThrow(says);
  });
});
