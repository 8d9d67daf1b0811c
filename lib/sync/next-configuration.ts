/**
 * The configuration that a pass publishes, and whether it may: what hosts restart from is one file for the fleet,
 * however many hitless.yml there are.
 *
 * | this hitless.yml                                       | the published configuration                            |
 * | ------------------------------------------------------ | ------------------------------------------------------ |
 * | has no template                                        | stays, where another one has a template                |
 * | has the template that the table knows, or a later one  | is rendered                                            |
 * | has another template, and is older                     | stays: the later hitless.yml renders it                |
 * | does not list a backend whose servers the template has not either | stays: a host that reloads would lose them  |
 *
 * A template may name backends that its hitless.yml does not list: their lines come from the policy in the table. So two
 * hitless.yml with one template render the same bytes.
 */

import { createHash } from 'node:crypto';
import type { Fleet } from '../model/fleet.ts';
import type { SlotTable } from '../model/slot-table.ts';
import { type RenderedConfiguration, renderConfiguration } from '../render/configuration.ts';
import { isoTime } from './backend-status.ts';

export interface NextConfiguration {
  /** For the table. */
  readonly digests: SlotTable['configuration'];
  readonly rendering: SlotTable['rendering'];
  /** What is published; null: nothing, there is no template or `withheld` says why. */
  readonly configuration: RenderedConfiguration | null;
  /** Why the published configuration stays as it is although there is a template: a sentence. Null: it does not. */
  readonly withheld: string | null;
}

/**
 * @param previous the table that `next` goes on from; null: there is none.
 * @throws TemplateInvalid
 */
export function nextConfiguration(
  fleet: Fleet,
  previous: SlotTable | null,
  next: Pick<SlotTable, 'backends' | 'forgotten'>,
): NextConfiguration {
  const last = previous?.rendering;
  const stays = {
    digests: previous?.configuration ?? null,
    rendering: last,
    configuration: null,
    withheld: null,
  };
  if (fleet.template === null) return last === undefined ? { ...stays, digests: null } : stays;
  const template = fleet.template.sha256 ?? sha256(fleet.template.text);
  const { writtenAtMs } = fleet;
  const another = last !== undefined && last.template !== template && writtenAtMs !== undefined;
  if (another && isOlder({ template, writtenAtMs }, last)) {
    const withheld =
      `the configuration is rendered from another template, of a hitless.yml written ${isoTime(last.writtenAtMs)}; ` +
      `this one was written ${isoTime(writtenAtMs)} and is not used (\`touch\` it if it is the one that counts)`;
    return { ...stays, withheld };
  }
  const configuration = renderConfiguration(fleet, next);
  const lost = configuration?.lacks ?? [];
  if (lost.length > 0) {
    const withheld =
      `the configuration is not published, for a host that loads it would lose the servers of ${lost.join(', ')}: ` +
      'the table has them, this hitless.yml and its template do not; name them in the template, or forget them (`hitless forget`)';
    return { ...stays, withheld };
  }
  const kept = last?.template === template ? last : undefined;
  const rendering = kept ?? (writtenAtMs === undefined ? undefined : { template, writtenAtMs });
  return { digests: configuration?.digests ?? null, rendering, configuration, withheld: null };
}

type Rendering = NonNullable<SlotTable['rendering']>;

function isOlder(one: Rendering, other: Rendering): boolean {
  if (one.writtenAtMs !== other.writtenAtMs) return one.writtenAtMs < other.writtenAtMs;
  return one.template < other.template;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
