import { describe, expect, test } from 'vitest';
import { haproxyVersions } from '../../infra/local/servers.ts';
import { hold } from './recorded/conversation.ts';
import { recordings } from './recorded/recordings.ts';
import { stable } from './recorded/stable.ts';

describe.each(await haproxyVersions())('HAProxy $version', ({ version, path }) => {
  const recorded = recordings.find(({ release }) => release === version);

  test.skipIf(recorded === undefined)('still answers as it was recorded', async () => {
    const held = await hold(path);
    const compared = (exchanges: typeof held.exchanges) =>
      exchanges.map(({ speaker, send, reply }) => ({ speaker, send, reply: stable({ send, reply }) }));
    expect(compared(held.exchanges)).toEqual(compared(recorded?.exchanges ?? []));
  });
});
