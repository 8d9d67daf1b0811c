import { describe, expect, test } from 'vitest';
import { serverLines, structureLines } from '../../lib/render/server-lines.ts';
import { draining, free, policy, serving, slots } from './fleet-samples.ts';

const mixed = slots([
  serving('10.0.0.1', 8080, 5),
  draining('10.0.0.2', 8080, 5),
  free,
  serving('::1', 80, null),
]);

describe('the server lines of a backend', () => {
  test('are one for each slot, in slot order, with the weights of Consul', () => {
    expect(serverLines(policy(), mixed)).toBe(
      [
        '    server websrv1 10.0.0.1:8080 weight 5 cookie websrv1 check',
        '    server websrv2 10.0.0.2:8080 weight 0 cookie websrv2 check',
        '    server websrv3 0.0.0.0:80 weight 1 cookie websrv3 check disabled',
        '    server websrv4 [::1]:80 weight 1 cookie websrv4 check',
      ].join('\n'),
    );
  });

  test('have no weight but for draining when the weights are HAProxy’s own', () => {
    expect(serverLines(policy({ weights: false }), mixed)).toBe(
      [
        '    server websrv1 10.0.0.1:8080 cookie websrv1 check',
        '    server websrv2 10.0.0.2:8080 weight 0 cookie websrv2 check',
        '    server websrv3 0.0.0.0:80 cookie websrv3 check disabled',
        '    server websrv4 [::1]:80 cookie websrv4 check',
      ].join('\n'),
    );
  });

  test('keep a withheld endpoint in service', () => {
    const withheld = { ...serving('10.0.0.1', 1), withheld: { sinceMs: 1, untilMs: null, reason: 'keep' } };
    expect(serverLines(policy({ options: '' }), slots([withheld]))).toBe(
      '    server websrv1 10.0.0.1:1 weight 1',
    );
  });

  const variants = [
    { what: 'no options', differs: { options: '' }, line: '    server websrv1 0.0.0.0:80 weight 1 disabled' },
    {
      what: 'an IPv6 placeholder',
      differs: { placeholder: { address: '::', port: 1 }, options: 'check' },
      line: '    server websrv1 [::]:1 weight 1 check disabled',
    },
    {
      what: 'the slot’s name twice and without spaces',
      differs: { options: 'cookie {{server}} sni str({{ server }})' },
      line: '    server websrv1 0.0.0.0:80 weight 1 cookie websrv1 sni str(websrv1) disabled',
    },
  ];
  test.each(variants)('$what', ({ differs, line }) => {
    expect(serverLines(policy(differs), slots([free]))).toBe(line);
  });

  test('without slots are the empty text', () => {
    expect(serverLines(policy(), slots([]))).toBe('');
  });

  test('reduced to their structure have the name and the options alone', () => {
    expect(structureLines(policy(), slots([serving('10.0.0.1', 8080, 5), free]))).toBe(
      ['    server websrv1 cookie websrv1 check', '    server websrv2 cookie websrv2 check'].join('\n'),
    );
  });
});
