/**
 * What serverless.yml needs to know of a stage: its parameters.yml and its hitless.yml, worked out to names, ARNs and
 * the resources that there is one of per fleet. So what a role may touch is exactly what the configuration names.
 *
 * The stage `example` is infra/aws/example, for trying; every other STAGE is deployments/STAGE, and `--param
 * folder=PATH` says otherwise.
 */

import { existsSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import { loadConfig } from '../../lib/config/load-config.ts';
import type { Fleet, HitlessConfig } from '../../lib/model/fleet.ts';
import { alarms } from './alarms.ts';
import { apiOf } from './api.ts';
import { bucketOf } from './bucket.ts';
import { dashboard } from './dashboard.ts';
import { hostPolicies } from './hosts.ts';
import { metricsOf, namespaceOf } from './metrics.ts';
import { NotDeployable } from './not-deployable.ts';
import { readParameters } from './parameters.ts';
import { secretsOf } from './secrets.ts';

export type Deployment = Awaited<ReturnType<typeof deployment>>;

interface OslsArguments {
  readonly options: { readonly stage?: string; readonly param?: string | readonly string[] };
}

/** @throws ParametersInvalid, ConfigInvalid, NotDeployable */
export async function deployment({ options }: OslsArguments) {
  const stage = options.stage ?? 'example';
  if (!/^[a-z][a-z0-9-]{0,15}$/.test(stage)) {
    throw new NotDeployable(
      `${stage}: a stage has 1 to 16 letters a-z, digits and hyphens, and begins with a letter`,
    );
  }
  const folder = folderOf(stage, options.param);
  const parameters = await readParameters(join(folder, 'parameters.yml'));
  const config = await loadConfig(join(folder, 'hitless.yml'));
  refuseUnixSockets(config);
  const name = `hitless-${stage}`;
  const bucket = bucketOf(config, parameters);
  const secrets = secretsOf(stage, config, parameters);
  const { extensions, ...api } = apiOf(stage, parameters);
  const metrics = metricsOf(name, stage, parameters.api);
  const hosts = hostPolicies(config.fleets, bucket.start);
  return {
    stage,
    name,
    folder,
    files: packagedFiles(folder, config),
    region: parameters.region,
    subnets: parameters.subnets,
    securityGroup: parameters.securityGroup,
    workerConcurrency: parameters.workers,
    webhookConcurrency: parameters.webhooks,
    logRetentionDays: parameters.logRetentionDays,
    tracing: parameters.tracing,
    managedPolicies: parameters.tracing ? [X_RAY] : [],
    metricsNamespace: namespaceOf(name),
    bucket,
    secrets: secrets.webhook,
    environment: {
      ...secrets.environment,
      worker: { ...secrets.environment.worker, ...writtenAt(config.fleets) },
    },
    api,
    perFleet: {
      Resources: {
        ...secrets.resources,
        ...alarms(name, metrics, config.fleets, parameters),
        ...dashboard(name, metrics, config.fleets),
        ...hosts.resources,
      },
      Outputs: hosts.outputs,
    },
    extensions: { extensions },
  };
}

/** When the configuration was written: not in the package, which has the same bytes wherever it is built. */
function writtenAt(fleets: readonly Fleet[]): { HITLESS_CONFIG_WRITTEN_AT?: string } {
  const times = fleets.flatMap(({ writtenAtMs }) => writtenAtMs ?? []);
  return times.length === 0 ? {} : { HITLESS_CONFIG_WRITTEN_AT: new Date(Math.max(...times)).toISOString() };
}

/** X-Ray knows no resources; this policy of AWS's has its five actions. */
const X_RAY = { 'Fn::Sub': `arn:\${AWS::Partition}:iam::aws:policy/AWSXRayDaemonWriteAccess` };

/** `--param` comes as often as it was given, as `name=value`. */
function folderOf(stage: string, param: OslsArguments['options']['param'] = []): string {
  const named = [param].flat().flatMap((one) => /^folder=(.+)$/.exec(one)?.[1] ?? []);
  return resolve(
    named[0] ?? (stage === 'example' ? join(import.meta.dirname, 'example') : `deployments/${stage}`),
  );
}

/** Besides the configuration: the certificate of Consul's authority, which is no secret. */
function packagedFiles(folder: string, { consul, fleets }: HitlessConfig): string[] {
  const { ca, cert, key } = consul.tls;
  if (cert !== undefined || key !== undefined) {
    throw new NotDeployable(
      'consul: cert and key would be packaged; give the worker a token instead (consulToken)',
    );
  }
  // So that packages are the same wherever they are built.
  for (const { template } of fleets) if (template !== null) inFolder(template.path);
  return ca === undefined ? [] : [inFolder(ca)];

  function inFolder(path: string): string {
    const below = relative(folder, path);
    if (below.startsWith(`..${sep}`))
      throw new NotDeployable(`${path} must be below ${folder} to be packaged`);
    if (!existsSync(path)) throw new NotDeployable(`${path} is not there`);
    return below;
  }
}

function refuseUnixSockets({ fleets }: HitlessConfig): void {
  for (const { name, instances } of fleets) {
    const local = instances.find(({ address }) => address.scheme === 'unix');
    if (local === undefined) continue;
    const why =
      'is a socket of its own host, which the worker cannot reach: use tls:// (infra/host/snippets/runtime-tls.cfg)';
    throw new NotDeployable(`fleets.${name}.instances.${local.name}: ${why}`);
  }
}
