import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const top = resolve(import.meta.dirname, '../..');

test('every file that SECURITY.md names as showing something is there', () => {
  const text = readFileSync(join(top, 'SECURITY.md'), 'utf8');
  const named = [...text.matchAll(/`((?:test|infra)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(join(top, path)))).toEqual([]);
});
