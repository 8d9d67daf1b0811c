import { expect, test } from 'vitest';
import { isPlainWord, plainOptions } from '../../lib/model/server-options.ts';

test.each([
  { options: '', words: [] },
  { options: 'check', words: ['check'] },
  { options: 'cookie  s1\tcheck', words: ['cookie', 's1', 'check'] },
  { options: "check inter '1s'", words: ['check', 'inter', '1s'] },
  { options: 'ssl verify none sni req.hdr(host) alpn h2,http/1.1', words: 7 },
])('`$options` can be said over the Runtime API', ({ options, words }) => {
  const plain = plainOptions(options);
  if (typeof words === 'number') expect(plain).toHaveLength(words);
  else expect(plain).toEqual(words);
});

test.each([
  { what: 'a space inside a word', options: 'sni "str(a b)"' },
  { what: 'an escaped semicolon', options: 'cookie a\\;b' },
  { what: 'a variable', options: 'crt "$CERT"' },
  { what: 'a quoted hash', options: "cookie '#1'" },
  { what: 'an empty word', options: "cookie ''" },
  { what: 'an open quote', options: 'cookie "a' },
])('$what cannot', ({ options }) => {
  expect(plainOptions(options)).toMatchObject({ refused: expect.stringMatching(/^`options` /) });
});

test.each([
  '',
  'a b',
  'a;b',
  'a\nb',
  'a\0',
  'a\\',
  '<<',
  'a<<',
  '"a"',
  "'a'",
  '#1',
  '$A',
  'é',
  '`id`',
])('%j is no plain word', (word) => {
  expect(isPlainWord(word)).toBe(false);
});
