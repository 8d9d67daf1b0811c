import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import {
  LARGEST_ANSWER_BYTES,
  LARGEST_FILE_BYTES,
  LARGEST_MESSAGE_BYTES,
  LARGEST_OBJECT_BYTES,
  LARGEST_WATCH_BODY_BYTES,
  LONGEST_REPLY,
  LONGEST_SHOWN,
  MOST_CONFIG_VALUES,
  MOST_REFUSED,
  sizeText,
} from '../../lib/model/limits.ts';

const top = resolve(import.meta.dirname, '../..');

test('every file that SECURITY.md names as showing something is there', () => {
  const text = readFileSync(join(top, 'SECURITY.md'), 'utf8');
  const named = [...text.matchAll(/`((?:test|infra)\/[^`]+)`/g)].map(([, path = '']) => path);
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !existsSync(join(top, path)))).toEqual([]);
});

test('the table of bounds says what the code says', () => {
  const text = readFileSync(join(top, 'SECURITY.md'), 'utf8');
  const bounds = new Map(
    [...text.matchAll(/^\|[^|]*\|\s*([^|]+?)\s*\|\s*([^|]+?)\s*\|[^|]*\|$/gm)].map(([, what, bound]) => [
      what,
      bound,
    ]),
  );
  const { version, reply, line } = LONGEST_SHOWN;
  const pull = readFileSync(join(top, 'infra/host/hitless-pull'), 'utf8');
  const [, description, configuration] =
    /^LARGEST_DESCRIPTION=(\d+) LARGEST_CONFIGURATION=(\d+)$/m.exec(pull) ?? [];
  expect(Object.fromEntries(bounds)).toMatchObject({
    'an answer about one service': `${sizeText(LARGEST_ANSWER_BYTES)}, or the fleet's \`consul_answer\``,
    'registrations that cannot be used': `${MOST_REFUSED} by name`,
    "the webhook's body": sizeText(LARGEST_WATCH_BODY_BYTES.webhook),
    'a body on standard input': sizeText(LARGEST_WATCH_BODY_BYTES.input),
    'a message with endpoints': sizeText(LARGEST_MESSAGE_BYTES),
    'a reply with a table': `${LONGEST_REPLY.table} characters`,
    'any other reply': `${LONGEST_REPLY.message} characters`,
    'its version, a refusal, a line': `${version}, ${reply}, ${line} characters`,
    'an object': sizeText(LARGEST_OBJECT_BYTES),
    'hitless.yml, a template': `${sizeText(LARGEST_FILE_BYTES.template)} each`,
    'a certificate or key': sizeText(LARGEST_FILE_BYTES.pem),
    'values that anchors and merge keys make': String(MOST_CONFIG_VALUES),
    '`current.json`': `${description} bytes`,
    'the configuration': `${configuration} bytes`,
  });
  expect(LARGEST_FILE_BYTES.config).toBe(LARGEST_FILE_BYTES.template);
});
