/** The lines that `hitless run` writes to standard output: text for a journal, or one JSON document for each. */

import { visible } from '../../model/printable.ts';

export type Level = 'info' | 'warn' | 'error';

export interface Line {
  readonly event: string;
  readonly level: Level;
  /** For people. */
  readonly text: string;
  /** For programs, beside `event` and `level`. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export interface Journal {
  write(line: Line): void;
}

/** @param times false: whoever reads the lines puts the time before them. */
export function openJournal({ json, times }: { readonly json: boolean; readonly times: boolean }): Journal {
  return {
    write({ event, level, text, facts = {} }) {
      const time = new Date().toISOString();
      const line = json
        ? JSON.stringify({ time, level, event, text, ...facts })
        : `${times ? `${time} ` : ''}${level === 'info' ? '' : `${level}: `}${text}`;
      process.stdout.write(`${json ? line : visible(line)}\n`);
    },
  };
}
