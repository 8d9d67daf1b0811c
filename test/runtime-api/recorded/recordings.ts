/** The recorded fixtures, oldest HAProxy first. */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Recording } from './conversation.ts';

export interface NamedRecording extends Recording {
  /** Major and minor number: `2.6`. */
  readonly release: string;
}

const FOLDER = join(import.meta.dirname, '../../fixtures/runtime-api');

export const recordings: readonly NamedRecording[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .sort()
  .map((name) => ({ release: name.replace('.json', ''), ...read(name) }));

function read(name: string): Recording {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}
