import { S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { openStore } from '../../lib/store/open-store.ts';

test('a directory needs no S3 client', () => {
  const never = () => {
    throw new Error('made a client');
  };
  expect(openStore({ scheme: 'file', path: '/nonexistent' }, never)).toBeDefined();
});

test('S3 gets the one client that the caller makes', async () => {
  const client = new S3Client({ region: 'us-east-1' });
  let asked: unknown;
  client.middlewareStack.add(
    () =>
      async ({ input }) => {
        asked = input;
        throw new Error('not now');
      },
    { step: 'initialize' },
  );
  const store = openStore({ scheme: 's3', bucket: 'b', prefix: 'p' }, () => client);
  await expect(store.get('k')).rejects.toThrow('cannot get s3://b/p/k: not now');
  expect(asked).toMatchObject({ Bucket: 'b', Key: 'p/k' });
});
