/** Finding one's way in a packaged template. */

import type { Resource, Template } from './packaged.ts';

export interface Statement {
  readonly Sid?: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource?: unknown;
  readonly Condition?: unknown;
}

type Properties = Readonly<Record<string, unknown>>;

export function properties(template: Template, id: string): Properties {
  const found = template.Resources[id];
  if (found === undefined) throw new Error(`the template has no ${id}: ${Object.keys(template.Resources)}`);
  return found.Properties;
}

export function ofType(template: Template, type: string): [string, Resource][] {
  return Object.entries(template.Resources).filter(([, { Type }]) => Type === type);
}

/** Every statement anywhere in the template, with the id of its resource. */
export function statements(template: Template): { id: string; statement: Statement }[] {
  return Object.entries(template.Resources).flatMap(([id, resource]) =>
    within(resource.Properties).map((statement) => ({ id, statement })),
  );
}

/** The statements of one resource, in order. */
export function statementsOf(template: Template, id: string): Statement[] {
  return within(properties(template, id)).filter((one) => one.Action !== 'sts:AssumeRole');
}

function within(value: unknown): Statement[] {
  if (typeof value !== 'object' || value === null) return [];
  if (isStatement(value)) return [value];
  return Object.values(value).flatMap(within);
}

function isStatement(value: object): value is Statement {
  return 'Effect' in value && 'Action' in value;
}

export function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [value];
}
