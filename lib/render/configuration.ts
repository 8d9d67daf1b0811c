/** A fleet's configuration file and its digests, from its template and its slot table. */

import { createHash } from 'node:crypto';
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
}

/**
 * Renders the configuration. Same fleet and table, same bytes.
 *
 * A backend that the table does not have (yet) has all its declared slots free.
 *
 * @returns null when the fleet has no template.
 * @throws TemplateInvalid when the template has an error, or does not have the server lines of every backend of the
 *   fleet, each on a line of its own and in its own section.
 */
export function renderConfiguration(
  fleet: Pick<Fleet, 'name' | 'template' | 'backends'>,
  table: Pick<SlotTable, 'backends'>,
): RenderedConfiguration | null {
  if (fleet.template === null) return null;
  const { template } = fleet;
  const rendered = (lines: (policy: BackendPolicy, slots: BackendSlots) => string) => {
    const blocks = fleet.backends.map((policy) => ({
      backend: policy.backend,
      lines: lines(policy, slotsOf(policy, table)),
    }));
    const text = renderTemplate(template, { ...blockVariables(blocks), fleet: fleet.name });
    return placedBlocks(template.path, blocks, text);
  };
  const text = rendered(serverLines);
  return { text, digests: { sha256: sha256(text), structure: sha256(rendered(structureLines)) } };
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
