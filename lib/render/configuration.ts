/** A fleet's configuration file and its digests, from its template and its slot table. */

import { createHash } from 'node:crypto';
import { policiesFor, policyOf, unlistedBackends } from '../model/deciding.ts';
import type { BackendPolicy, Fleet } from '../model/fleet.ts';
import {
  type BackendSlots,
  type ConfigurationDigests,
  type SlotTable,
  slotsOfBackend,
} from '../model/slot-table.ts';
import { blockVariables, placedBlocks } from './server-blocks.ts';
import { serverLines, structureLines } from './server-lines.ts';
import { renderTemplate } from './template.ts';

export interface RenderedConfiguration {
  /** Ends with exactly one newline. */
  readonly text: string;
  readonly digests: ConfigurationDigests;
  /** Backends with servers in use that the table has, and neither the fleet nor its template. */
  readonly lacks: readonly string[];
}

/**
 * Renders the configuration. Same fleet and table, same bytes.
 *
 * A backend that the table does not have (yet) has all its declared slots free. One that only the table has, with the
 * policy that it was made with, can stand in the template too, and need not.
 *
 * @returns null when the fleet has no template.
 * @throws TemplateInvalid when the template has an error, or does not have the server lines of every backend of the
 *   fleet, each on a line of its own and in its own section.
 */
export function renderConfiguration(
  fleet: Pick<Fleet, 'name' | 'template' | 'backends' | 'writtenAtMs'>,
  table: Pick<SlotTable, 'backends' | 'forgotten'>,
): RenderedConfiguration | null {
  if (fleet.template === null) return null;
  const { template } = fleet;
  const others = unlistedBackends(fleet, table);
  const policies = [...listedPolicies(fleet, table), ...others.flatMap((name) => storedPolicy(name, table))];
  const rendered = (lines: (policy: BackendPolicy, slots: BackendSlots) => string) => {
    const blocks = policies.map((policy) => ({
      backend: policy.backend,
      lines: lines(policy, slotsOf(policy, table)),
    }));
    const text = renderTemplate(template, { ...blockVariables(blocks), fleet: fleet.name });
    return placedBlocks(template.path, blocks, text, new Set(others));
  };
  const { text, absent } = rendered(serverLines);
  const lacks = others.filter(
    (name) => isInUse(slotsOfBackend(table, name)) && !hasStored(name, table, absent),
  );
  const structure = sha256(rendered(structureLines).text);
  return { text, digests: { sha256: sha256(text), structure }, lacks };
}

/** What the table decides stands for what this file says; a backend that was forgotten is still in the template. */
function listedPolicies(
  fleet: Pick<Fleet, 'backends' | 'writtenAtMs'>,
  table: Pick<SlotTable, 'backends' | 'forgotten'>,
): BackendPolicy[] {
  const decided = new Map(policiesFor(fleet, table).map((policy) => [policy.backend, policy]));
  return fleet.backends.map((own) => decided.get(own.backend) ?? own);
}

function storedPolicy(name: string, table: Pick<SlotTable, 'backends'>): BackendPolicy[] {
  const policy = slotsOfBackend(table, name)?.policy;
  return policy === undefined ? [] : [policyOf(name, policy)];
}

function isInUse(slots: BackendSlots | undefined): boolean {
  return slots?.slots.some(({ state }) => state !== 'free') === true;
}

function hasStored(name: string, table: Pick<SlotTable, 'backends'>, absent: ReadonlySet<string>): boolean {
  return slotsOfBackend(table, name)?.policy !== undefined && !absent.has(name);
}

function slotsOf(policy: BackendPolicy, table: Pick<SlotTable, 'backends'>): BackendSlots {
  const known = slotsOfBackend(table, policy.backend);
  if (known !== undefined) return known;
  const free = { state: 'free', freedAtMs: 0, last: null } as const;
  return {
    service: policy.service,
    server: policy.server,
    slots: Array.from({ length: policy.slots }, () => free),
    departures: [],
    refused: [],
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
