/** A configuration file as HAProxy reads it, as far as the simulation goes: its backends and their server lines. */

import type { ServerLine } from './haproxy-process.ts';

const SERVER = /^server (\S+) (?:\[([0-9a-f:]+)\]|([^\s:]+)):(\d+)(.*)$/;

export function readServerLines(text: string): ServerLine[] {
  const lines: ServerLine[] = [];
  let backend = '';
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('backend ')) backend = line.slice('backend '.length);
    const [, name, six, four, port, options = ''] = SERVER.exec(line) ?? [];
    if (name === undefined || port === undefined) continue;
    lines.push({
      backend,
      name,
      address: six ?? four ?? '',
      port: Number(port),
      weight: Number(/ weight (\d+)/.exec(options)?.[1] ?? 1),
      disabled: / disabled\b/.test(options),
    });
  }
  return lines;
}
