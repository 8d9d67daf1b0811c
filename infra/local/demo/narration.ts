/** What the demo tells while it runs. */

import { styleText } from 'node:util';
import type { StepResult } from './step.ts';

export function title(text: string): void {
  console.log(`\n${styleText('bold', text)}`);
}

/** Each text is a paragraph or a list item, its lines indented alike. */
export function tell(...texts: readonly string[]): void {
  for (const text of texts) console.log(text.replaceAll(/^/gm, '  '));
}

export function tellResult(result: StepResult): void {
  const { firstMs, everywhereMs, lastMs, commands, reloads, failed, requests } = result;
  if (firstMs !== null)
    fact('first request served by a new server', `${milliseconds(firstMs)} after the call`);
  if (lastMs !== null) fact('last request to a leaving server', `${milliseconds(lastMs)} after the call`);
  if (everywhereMs !== null) fact('every load balancer had followed', milliseconds(everywhereMs));
  fact('Runtime API commands', describeCommands(commands));
  fact('reloads', String(reloads));
  fact('failed requests', `${failed} of ${requests}`);
  fact('slots', result.slotsDiffer ?? 'equal on all instances');
  fact(
    `file, generation ${result.generation}`,
    result.fileDiffers ?? 'equal to the running state, slot by slot',
  );
  for (const error of result.errors) fact('a function said', error);
}

export function fact(what: string, value: string): void {
  console.log(`  ${styleText('dim', what.padEnd(38))} ${value}`);
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}

function describeCommands(commands: ReadonlyMap<string, number>): string {
  const each = [...commands].sort(([one], [other]) => (one < other ? -1 : 1));
  return each.map(([instance, count]) => `${instance} ${count}`).join(', ') || 'none';
}
