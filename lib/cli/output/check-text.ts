/** What a check found, and what the configuration says with its defaults, for people. */

import { endpointKey } from '../../model/endpoint.ts';
import type { BackendPolicy, Fleet, HitlessConfig, InstancesFrom, StoreAddress } from '../../model/fleet.ts';
import { addressText } from '../../runtime-api/address-text.ts';
import type { FleetSurvey } from '../../sync/survey.ts';
import type { FleetCheck } from '../check.ts';
import { bad, good, notable, strong } from './colours.ts';
import { columns } from './columns.ts';
import { counted, duration } from './words.ts';

export function headText(path: string, { consul, store }: HitlessConfig): string[] {
  const datacenter = consul.datacenter === null ? '' : `, datacenter ${consul.datacenter}`;
  return [path, `  Consul ${consul.address}${datacenter}`, `  store  ${storeText(store)}`];
}

export function checkText(fleet: Fleet, { problems, notes, live }: FleetCheck): string[] {
  const { name, instances, backends, template, timeoutMs, snapshotEveryMs, reportEveryMs, shard } = fleet;
  const settings = [
    template === null ? 'no template' : `template ${template.path}`,
    `timeout ${duration(timeoutMs)}`,
    `snapshot_every ${duration(snapshotEveryMs)}`,
    `report_every ${duration(reportEveryMs)}`,
    `shard ${shard}`,
  ];
  return [
    `${strong(`fleet ${name}`)}: ${counted((live?.instances ?? instances).length, 'instance')}, ${counted(backends.length, 'backend')}; ${settings.join(', ')}`,
    ...columns(
      [
        'backend',
        'service',
        'tags',
        'include',
        'slots',
        'spare',
        'weights',
        'placeholder',
        'drain',
        'keep',
        'hold',
        'options',
      ],
      backends.map(backendRow),
    ),
    ...instanceLines(fleet, live),
    ...(live === null ? [] : liveLines(live)),
    ...notes.map((note) => `  ${notable('note')}     ${note}`),
    ...problems.map((problem) => `  ${bad('problem')}  ${problem}`),
  ];
}

function backendRow(policy: BackendPolicy): string[] {
  return [
    policy.backend,
    policy.service,
    policy.tags.join(' ') || '-',
    policy.include.join(' '),
    `${policy.server}1-${policy.slots}`,
    String(policy.spare),
    policy.weights ? 'Consul’s' : 'HAProxy’s',
    endpointKey(policy.placeholder),
    duration(policy.drainMs),
    `${Math.round(policy.keep * 100)}%${policy.allowEmpty ? ', may be empty' : ''}`,
    duration(policy.holdMs),
    policy.options,
  ];
}

function instanceLines({ instances, instancesFrom }: Fleet, live: FleetSurvey | null): string[] {
  if (live === null) {
    const listed = columns(
      ['instance', 'address'],
      instances.map(({ name, address }) => [name, addressText(address)]),
    );
    return instancesFrom === null ? listed : [...listed, sourceLine(instancesFrom)];
  }
  return columns(
    ['instance', 'address', 'haproxy', 'level', 'result'],
    live.instances.map(({ instance, address, info, level, problems }) => [
      instance,
      address,
      info?.version ?? '-',
      level ?? '-',
      problems.length === 0 ? good('ok') : bad('problem'),
    ]),
  );
}

function sourceLine({ service, scheme, tags }: InstancesFrom): string {
  const tagged = tags.length === 0 ? '' : ` with the tags ${tags.join(' ')}`;
  return `  Consul   every registration of ${service}${tagged} is an instance, over ${scheme}`;
}

function liveLines({ services, store }: FleetSurvey): string[] {
  const registered = services.map(({ service, registered }) =>
    registered === null ? [] : [`  Consul   ${service}: ${counted(registered, 'registration')}`],
  );
  const { generation } = store;
  const table = generation === 0 ? 'no table yet' : `table of generation ${generation}`;
  return [...registered.flat(), ...(generation === null ? [] : [`  store    ${table}`])];
}

function storeText(store: StoreAddress): string {
  if (store.scheme === 'file') return `file:${store.path}`;
  return store.prefix === '' ? `s3://${store.bucket}` : `s3://${store.bucket}/${store.prefix}`;
}
