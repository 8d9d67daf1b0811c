/** Configuration files for tests: each test states only what differs. */

import { ConfigInvalid } from '../../lib/config/config-invalid.ts';
import { type ConfigSource, parseConfig } from '../../lib/config/parse-config.ts';

export const source: ConfigSource = {
  file: 'hitless.yml',
  folder: '/etc/hitless',
  readTemplate: (path: string) => `template at ${path}`,
};

/** The least that is needed, with more lines where a test needs them. */
export function minimal({
  store = 'file:state',
  fleet = '',
  backend = '',
  top = '',
  instance = 'unix:///run/a.sock',
} = {}) {
  return `store: ${store}
${top}
fleets:
  edge:
    instances:
      lb1: ${instance}
    ${fleet}
    backends:
      be:
        service: web
        ${backend}
`;
}

/** The lines of the error; none when the file is right. */
export function problemsOf(text: string): string[] {
  try {
    parseConfig(text, source);
  } catch (error) {
    if (error instanceof ConfigInvalid) return error.message.split('\n');
    throw error;
  }
  return [];
}
