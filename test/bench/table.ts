/** A benchmark's result as a table for people. */

import Table from 'cli-table3';
import { type Bar, type BenchmarkResult, isMet, type Row } from './benchmark.ts';

export function tableOf({ sizes, rows }: BenchmarkResult): string {
  const table = new Table({
    head: ['', 'measured', 'bar', '', ''],
    colAligns: ['left', 'right', 'right', 'left', 'left'],
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) {
    const { what, value, unit, bar, note = '' } = row;
    table.push([what, `${digits(value)} ${unit}`, barText(bar, unit), verdict(row), note]);
  }
  const given = Object.entries(sizes).map(([name, size]) => `${name} ${sizeText(size)}`);
  return `${given.join(', ')}\n${table.toString()}`;
}

function barText(bar: Bar | undefined, unit: string): string {
  if (bar === undefined) return '';
  return 'atMost' in bar ? `≤ ${digits(bar.atMost)} ${unit}` : `≥ ${digits(bar.atLeast)} ${unit}`;
}

function verdict(row: Row): string {
  const met = isMet(row);
  if (met === undefined) return '';
  return met ? 'met' : 'MISSED';
}

/** Three digits that matter; whole numbers from a thousand on. */
function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Math.abs(value) >= 1_000) return Math.round(value).toLocaleString('en-US');
  return value === 0 ? '0' : String(Number(value.toPrecision(3)));
}

function sizeText(size: number | string | readonly number[]): string {
  return typeof size === 'object' ? size.join('/') : String(size);
}
