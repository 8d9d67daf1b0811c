import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printable } from '../../lib/model/printable.ts';

test.each([
  { what: 'plain text', text: '10.0.0.1', shown: '10.0.0.1' },
  { what: 'nothing', text: '', shown: '' },
  { what: 'line ends and tabs', text: 'a\r\n\tb', shown: 'a\\r\\n\\tb' },
  { what: 'NUL, escape, DEL and C1', text: '\0\x1b\x7f\x9b', shown: '\\x00\\x1b\\x7f\\x9b' },
  { what: 'text direction and line separators', text: '\u202e\u2028', shown: '\\u{202e}\\u{2028}' },
  { what: 'half a character', text: 'a\ud800', shown: 'a\\u{d800}' },
  { what: 'letters of the world', text: 'naïve 東京 🙂', shown: 'naïve 東京 🙂' },
  { what: 'text that just fits', text: 'x'.repeat(100), shown: 'x'.repeat(100) },
  { what: 'text that is too long', text: 'x'.repeat(101), shown: `${'x'.repeat(99)}…` },
  { what: 'text that grew too long', text: '\n'.repeat(60), shown: `${'\\n'.repeat(49)}\\…` },
])('$what', ({ text, shown }) => {
  expect(printable(text, 100)).toBe(shown);
});

test('nothing invisible is left and nothing is longer than asked, whatever the text', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.integer({ min: 1, max: 120 }),
      (text, longest) => {
        const shown = printable(text, longest);
        expect(shown).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        expect([...shown].length).toBeLessThanOrEqual(longest);
      },
    ),
  );
});
