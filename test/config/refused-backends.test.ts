import { describe, expect, test } from 'vitest';
import { minimal, problemsOf } from './config-samples.ts';

describe('a value of a backend is refused, with line and key', () => {
  const backends = [
    { backend: 'drain: 30', says: 'drain: expected a duration such as 500ms, 30s or 5m, got 30' },
    { backend: 'drain: 30 s', says: 'drain: expected a duration such as 500ms, 30s or 5m, got "30 s"' },
    { backend: 'drain:', says: 'drain: expected a duration such as 500ms, 30s or 5m, got nothing' },
    { backend: 'hold: 25h', says: 'hold: expected at most 24h, got "25h"' },
    { backend: 'keep: 0.5', says: 'keep: expected a share from 0% to 100%, got 0.5' },
    { backend: 'keep: 101%', says: 'keep: expected a share from 0% to 100%, got "101%"' },
    { backend: 'slots: 0', says: 'slots: expected a whole number from 1 to 4095, got 0' },
    { backend: 'slots: 4096', says: 'slots: expected a whole number from 1 to 4095, got 4096' },
    { backend: 'slots: 1.5', says: 'slots: expected a whole number from 1 to 4095, got 1.5' },
    { backend: 'slots: "10"', says: 'slots: expected a whole number from 1 to 4095, got "10"' },
    { backend: 'spare: -1', says: 'spare: expected a whole number from 0 to 1000, got -1' },
    { backend: 'allow_empty: yes', says: 'allow_empty: expected true or false, got "yes"' },
    { backend: 'weights: 1', says: 'weights: expected true or false, got 1' },
    { backend: 'tags: web', says: 'tags: expected a list of tags such as [web], got "web"' },
    { backend: 'tags: [web, 1]', says: 'tags.1: expected a tag, got 1' },
    { backend: 'tags: [""]', says: 'tags.0: a tag cannot be empty' },
    { backend: 'include: [warning]', says: 'include: expected [passing] or [passing, warning], got a list' },
    { backend: 'include: passing', says: 'include: expected [passing] or [passing, warning], got "passing"' },
    {
      backend: 'server: "web srv"',
      says: 'server: expected the beginning of a server name (letters, digits, _ . : -), got "web srv"',
    },
    {
      backend: 'server: "#1"',
      says: 'server: expected the beginning of a server name (letters, digits, _ . : -), got "#1"',
    },
    {
      backend: 'server: ""',
      says: 'server: expected the beginning of a server name (letters, digits, _ . : -), got ""',
    },
    {
      backend: 'placeholder: 0.0.0.0',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "0.0.0.0"',
    },
    {
      backend: 'placeholder: localhost:80',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "localhost:80"',
    },
    {
      backend: 'placeholder: 224.0.0.1:80',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "224.0.0.1:80"',
    },
    {
      backend: 'placeholder: 0.0.0.0:70000',
      says: 'placeholder: expected an IP address and port such as 0.0.0.0:80 or [::]:80, got "0.0.0.0:70000"',
    },
    { backend: 'slot: 5', says: 'slot: unknown key, did you mean slots?' },
    { backend: 'allowempty: true', says: 'allowempty: unknown key, did you mean allow_empty?' },
    { backend: 'colour: red', says: /^colour: unknown key, the keys here are service, tags, include, / },
    { backend: 'options: 5', says: 'options: expected the rest of a server line, got 5' },
    { backend: 'options: "check\\nserver x 1.2.3.4:80"', says: 'options: must be one line' },
    { backend: 'options: "check\\u0000"', says: 'options: has a control character' },
    {
      backend: `options: 'check # fast'`,
      says: 'options: has a `#`, which would make the rest of the line a comment (quote it)',
    },
    { backend: `options: 'cookie "a'`, says: 'options: has an open quote (")' },
    { backend: `options: "cookie 'a"`, says: "options: has an open quote (')" },
    { backend: `options: 'check \\'`, says: 'options: ends with a backslash, which would continue the line' },
    {
      backend: `options: 'check {% raw %}'`,
      says: 'options: has `{%`, only `{{ server }}` can be used here',
    },
    {
      backend: `options: 'cookie {{ slot }}'`,
      says: 'options: has `{{`, only `{{ server }}` can be used here',
    },
    {
      backend: 'options: check disabled',
      says: 'options: must not have `disabled`: Hitless disables the slots that nobody uses',
    },
    {
      backend: `options: 'check "disabled"'`,
      says: 'options: must not have `disabled`: Hitless disables the slots that nobody uses',
    },
    { backend: 'options: weight 5', says: /^options: must not have `weight`: / },
    { backend: 'options: id 5', says: /^options: must not have `id`: / },
    {
      backend: 'options: 10.0.0.1:80 check',
      says: 'options: must begin with a keyword such as check or cookie, not with "10.0.0.1:80"',
    },
  ];
  test.each(backends)('$backend', ({ backend, says }) => {
    const [problem, ...others] = problemsOf(minimal({ backend }));
    const prefix = 'hitless.yml:11 fleets.edge.backends.be.';
    expect(others).toEqual([]);
    expect(problem?.slice(0, prefix.length)).toBe(prefix);
    expect(problem?.slice(prefix.length)).toEqual(
      says instanceof RegExp ? expect.stringMatching(says) : says,
    );
  });
});
