import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseIpAddress } from '../../lib/model/ip-address.ts';

describe('one canonical form', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['223.255.255.254', '223.255.255.254'],
    ['::1', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['2001:DB8:0:0::0001', '2001:db8::1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ])('%s is %s', (text, canonical) => {
    expect(parseIpAddress(text)).toBe(canonical);
  });
});

describe('refused', () => {
  test.each([
    { what: 'an empty text', text: '', why: /names are not resolved/ },
    { what: 'a name', text: 'localhost', why: /names are not resolved/ },
    { what: 'a star, which HAProxy reads as every address', text: '*', why: /names are not resolved/ },
    { what: 'a shortened address', text: '127.1', why: /not an IP/ },
    { what: 'an octal address', text: '0177.0.0.1', why: /not an IP/ },
    { what: 'an octet out of range', text: '10.0.0.256', why: /not an IP/ },
    { what: 'an address with a port', text: '10.0.0.1:80', why: /not an IP/ },
    {
      what: 'an IPv6 address with a port, which HAProxy reads as another one',
      text: '::1:8082',
      why: /port glued/,
    },
    { what: 'an IPv4-compatible address', text: '::1.2.3.4', why: /::\/96/ },
    { what: 'brackets', text: '[::1]', why: /not an IP/ },
    { what: 'a newline behind it', text: '10.0.0.1\n', why: /not an IP/ },
    { what: 'another command behind it', text: '10.0.0.1;shutdown', why: /not an IP/ },
    { what: 'a NUL', text: '10.0.0.1\0', why: /not an IP/ },
    { what: 'a zone', text: 'fe80::1%eth0', why: /zone/ },
    { what: 'the unspecified address', text: '0.0.0.0', why: /unspecified/ },
    { what: 'the unspecified IPv6 address', text: '::', why: /unspecified/ },
    { what: 'the unspecified address in IPv6 clothes', text: '::ffff:0.0.0.0', why: /unspecified/ },
    { what: 'the broadcast address', text: '255.255.255.255', why: /broadcast/ },
    { what: 'a multicast address', text: '224.0.0.1', why: /multicast/ },
    { what: 'the first reserved address', text: '240.0.0.0', why: /reserved/ },
    { what: 'the last reserved address', text: '255.255.255.254', why: /reserved/ },
    { what: 'a reserved address in IPv6 clothes', text: '::ffff:240.0.0.1', why: /reserved/ },
    { what: 'an IPv6 multicast address', text: 'ff02::1', why: /multicast/ },
    { what: 'the metadata service of a cloud', text: '169.254.169.254', why: /link-local/ },
    { what: 'it in IPv6 clothes', text: '::ffff:169.254.169.254', why: /link-local/ },
    { what: 'an IPv6 link-local address', text: 'fe80::1', why: /link-local/ },
  ])('$what', ({ text, why }) => {
    expect(parseIpAddress(text)).toEqual({ refused: expect.stringMatching(why) });
  });
});

test('whatever is accepted is accepted again, unchanged, and holds nothing but hex digits, dots and colons', () => {
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.ipV4Extended()), (text) => {
      const parsed = parseIpAddress(text);
      if (typeof parsed !== 'string') return;
      expect(parsed).toMatch(/^[0-9a-f.:]+$/);
      expect(parseIpAddress(parsed)).toBe(parsed);
    }),
    { numRuns: 5000 },
  );
});
