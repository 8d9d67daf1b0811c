/** A hitless.yml for a person to read and correct: what was seen is a value, what is not sure is a comment. */

import { endpointKey } from '../../model/endpoint.ts';
import type { ProposedBackend, ProposedSlots } from './propose-backend.ts';

export interface ProposedInstance {
  /** As hitless.yml writes it. */
  readonly address: string;
  readonly haproxy: string;
}

export interface Proposed {
  readonly consul: string;
  readonly store: string;
  readonly instances: readonly ProposedInstance[];
  readonly backends: readonly ProposedBackend[];
}

export function proposedConfiguration({ consul, store, instances, backends }: Proposed): string {
  const lines = [
    '# Proposed by `hitless init` from what HAProxy and Consul said; nothing was changed. Read it, then:',
    '#   hitless check --live && hitless plan && hitless sync',
    'consul:',
    `  address: ${quoted(consul)}  # the ACL token comes from HITLESS_CONSUL_TOKEN`,
    `store: ${quoted(store)}  # for one machine; s3://BUCKET/PREFIX for several`,
    'fleets:',
    '  edge:',
    '    instances:  # all that share one configuration',
    ...instances.map(
      ({ address, haproxy }, index) => `      lb${index + 1}: ${quoted(address)}  # HAProxy ${haproxy}`,
    ),
    '    # template: haproxy.cfg.j2  # your haproxy.cfg with {{ backends_NAME }} in the place of its server lines',
    '    backends:',
    ...backends.flatMap(backendLines),
  ];
  return `${lines.join('\n')}\n`;
}

function backendLines({ backend, remarks, slots }: ProposedBackend): string[] {
  const said = remarks.map((remark) => `      # ${backend}: ${remark}`);
  if (slots === null) return said;
  const block = [`${quoted(backend)}:`, ...slotLines(slots).map((line) => `  ${line}`)];
  const isSure = slots.service !== null;
  return [...said, ...block.map((line) => (isSure ? `      ${line}` : `      # ${line}`))];
}

function slotLines({ service, why, server, slots, placeholder, options }: ProposedSlots): string[] {
  return [
    `service: ${quoted(service ?? 'SERVICE')}  # ${why}`,
    `server: ${quoted(server)}`,
    `slots: ${slots}`,
    ...(placeholder === null ? [] : [`placeholder: ${quoted(endpointKey(placeholder))}`]),
    `options: ${quoted(options)}  # the rest of your server lines, which HAProxy does not tell: compare`,
  ];
}

/** Plain where YAML takes it as the same text. */
function quoted(text: string): string {
  return /^[A-Za-z][A-Za-z0-9_./:-]*[A-Za-z0-9_/]$/.test(text) &&
    !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text);
}
