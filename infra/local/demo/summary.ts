/** The end of the demo: a table, and what was not observed. */

import Table from 'cli-table3';
import type { Claim } from './claims.ts';
import type { StepResult } from './step.ts';

export function summaryTable(results: readonly StepResult[]): string {
  const table = new Table({
    head: ['step', 'first ms', 'all ms', 'last ms', 'commands', 'reloads', 'failed', 'slots', 'file'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const result of results) {
    table.push([
      result.name,
      rounded(result.firstMs),
      rounded(result.everywhereMs),
      rounded(result.lastMs),
      [...result.commands.values()].reduce((sum, count) => sum + count, 0),
      result.reloads,
      `${result.failed} of ${result.requests}`,
      result.slotsDiffer === null ? 'equal' : 'DIFFER',
      result.fileDiffers === null ? 'equal' : 'DIFFERS',
    ]);
  }
  return table.toString();
}

const legend = [
  'first ms  from the call to the first request that a new server served',
  'all ms    until every load balancer had followed: new servers served through it, leaving ones were out',
  'last ms   until the last request that a leaving server served',
  'commands  sent over the Runtime API, to all load balancers together',
];

/** Everything after the table. */
export function verdict(claims: readonly Claim[], seconds: number): string {
  const missing = claims.filter(({ observed }) => !observed);
  const lines = [...legend.map((line) => `  ${line}`), ''];
  if (missing.length === 0) {
    return [...lines, `All ${claims.length} claims were observed, in ${seconds.toFixed(0)} s.`].join('\n');
  }
  return [
    ...lines,
    `${missing.length} of ${claims.length} claims were not observed:`,
    ...missing.map(({ step, what }) => `  ${step}: ${what}`),
  ].join('\n');
}

function rounded(ms: number | null): string {
  return ms === null ? '–' : String(Math.round(ms));
}
