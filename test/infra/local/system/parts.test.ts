import { describe, expect, test } from 'vitest';
import { allStarted, createParts, PartFailed } from '../../../../infra/local/system/parts.ts';

function recorder() {
  const seen: string[] = [];
  const parts = createParts();
  const start = (name: string) =>
    parts.start(
      name,
      () => seen.push(`start ${name}`),
      () => seen.push(`stop ${name}`),
    );
  return { seen, parts, start };
}

describe('the parts of a system', () => {
  test('stop in reverse order, once', async () => {
    const { seen, parts, start } = recorder();
    await start('Consul');
    await start('HAProxy');
    await Promise.all([parts.stop(), parts.stop()]);
    expect(seen).toEqual(['start Consul', 'start HAProxy', 'stop HAProxy', 'stop Consul']);
  });

  test('a part that does not start is named, and only what was started is stopped', async () => {
    const { seen, parts, start } = recorder();
    await start('Consul');
    const starting = parts.start(
      'HAProxy lb1',
      () => Promise.reject(new Error('no such file')),
      () => seen.push('stop HAProxy'),
    );
    await expect(starting).rejects.toThrow(PartFailed);
    await expect(starting).rejects.toThrow('HAProxy lb1 did not start: no such file');
    await parts.stop();
    expect(seen).toEqual(['start Consul', 'stop Consul']);
  });

  test('a part that does not stop keeps no other from stopping', async () => {
    const { seen, parts, start } = recorder();
    await start('Consul');
    await parts.start(
      'HAProxy',
      () => undefined,
      () => Promise.reject(new Error('it hangs')),
    );
    await expect(parts.stop()).rejects.toThrow('it hangs');
    expect(seen).toEqual(['start Consul', 'stop Consul']);
  });

  test('parts that start side by side have all started or failed before the failure is told', async () => {
    const { seen, parts } = recorder();
    const late = Promise.withResolvers<void>();
    const slow = parts.start(
      'slow',
      () => late.promise,
      () => seen.push('stop slow'),
    );
    const both = allStarted([parts.start('quick', () => Promise.reject(new Error('no'))), slow]);
    setImmediate(() => late.resolve());
    await expect(both).rejects.toThrow('quick did not start');
    await parts.stop();
    expect(seen).toEqual(['stop slow']);
  });
});
