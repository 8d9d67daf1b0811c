/** hitless.yml, as text, to the typed configuration; all problems of the file at once. */

import { resolve } from 'node:path';
import * as v from 'valibot';
import type { BackendPolicy, Fleet, HitlessConfig, TlsFiles } from '../model/fleet.ts';
import { ConfigInvalid, type ConfigProblem } from './config-invalid.ts';
import { claimedTwice, foundTwice, instancesFrom, listedInstances } from './instances.ts';
import { type BackendOfSchema, type ConfigOfSchema, configSchema, type FleetOfSchema } from './schema.ts';
import { type KeyPath, readYaml, type YamlDocument } from './yaml-document.ts';

export interface ConfigSource {
  /** How messages name the file. */
  readonly file: string;
  /** Absolute; what relative paths in the file are relative to. */
  readonly folder: string;
  /** The text of the template at this absolute path; may throw, which becomes a problem at its key. */
  readonly readTemplate: (path: string) => string;
}

export interface Problem {
  readonly path: KeyPath;
  readonly problem: string;
}

/**
 * Reads the configuration.
 *
 * @param text YAML 1.2; anchors and merge keys work.
 * @throws ConfigInvalid with every problem found, in the order of the file. Problems between values (an instance
 *   claimed twice) are looked for once every single value is right.
 */
export function parseConfig(text: string, source: ConfigSource): HitlessConfig {
  const document = readYaml(text);
  if (document.problems.length > 0) throw new ConfigInvalid(source.file, document.problems);
  if (document.value === null) {
    throw new ConfigInvalid(source.file, [{ line: null, key: '', problem: 'the file is empty' }]);
  }
  const result = v.safeParse(configSchema, document.value);
  if (!result.success) {
    throw invalid(
      source,
      document,
      result.issues.map((issue) => ({ path: pathOf(issue), problem: issue.message })),
    );
  }
  const problems: Problem[] = [
    ...claimedTwice(result.output, document),
    ...foundTwice(result.output, document),
    ...halfTls(result.output.consul, ['consul']),
    ...Object.entries(result.output.fleets).flatMap(([name, { tls }]) =>
      halfTls(tls, ['fleets', name, 'tls']),
    ),
    ...tlsWithoutHttps(result.output.consul),
  ];
  const config = typed(result.output, document, source, problems);
  if (problems.length > 0) throw invalid(source, document, problems);
  return config;
}

function invalid(source: ConfigSource, document: YamlDocument, problems: readonly Problem[]): ConfigInvalid {
  const located: ConfigProblem[] = problems.map(({ path, problem }) => ({
    line: document.lineOf(path),
    key: path.join('.'),
    problem,
  }));
  located.sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
  return new ConfigInvalid(source.file, located);
}

function pathOf(issue: v.BaseIssue<unknown>): KeyPath {
  return (issue.path ?? []).map((item) => String(item.key));
}

function halfTls(files: TlsFiles, path: KeyPath): readonly Problem[] {
  if ((files.cert === undefined) === (files.key === undefined)) return [];
  return files.key === undefined
    ? [{ path: [...path, 'cert'], problem: 'a client certificate needs its key' }]
    : [{ path: [...path, 'key'], problem: 'a key needs its client certificate (cert)' }];
}

function tlsWithoutHttps(consul: ConfigOfSchema['consul']): readonly Problem[] {
  if (consul.address.startsWith('https:')) return [];
  const given = (['ca', 'cert', 'key'] as const).filter((key) => consul[key] !== undefined);
  return given.map((key) => ({ path: ['consul', key], problem: 'is for an https:// address only' }));
}

function typed(
  config: ConfigOfSchema,
  document: YamlDocument,
  source: ConfigSource,
  problems: Problem[],
): HitlessConfig {
  const { store, consul } = config;
  return {
    consul: {
      address: consul.address,
      datacenter: consul.datacenter ?? null,
      tls: absolute(consul, source.folder),
    },
    store: store.scheme === 'file' ? { ...store, path: resolve(source.folder, store.path) } : store,
    fleets: inOrder(config.fleets, document.keysOf(['fleets'])).map(([name, fleet]) =>
      typedFleet(name, fleet, document, source, problems),
    ),
  };
}

/** A rendered configuration needs no state file, and an object for each instance and minute has its price. */
const SNAPSHOT_EVERY_MS = { plain: 60_000, rendered: 3_600_000 };

function typedFleet(
  name: string,
  fleet: FleetOfSchema,
  document: YamlDocument,
  source: ConfigSource,
  problems: Problem[],
): Fleet {
  const below = (key: string) => document.keysOf(['fleets', name, key]);
  return {
    name,
    instances: inOrder(listedInstances(fleet), below('instances')).map(([instance, address]) => ({
      name: instance,
      address,
    })),
    instancesFrom: instancesFrom(fleet),
    tls: absolute(fleet.tls, source.folder),
    snapshotEveryMs:
      fleet.snapshot_every ?? SNAPSHOT_EVERY_MS[fleet.template === undefined ? 'plain' : 'rendered'],
    reportEveryMs: fleet.report_every,
    shard: fleet.shard,
    timeoutMs: fleet.timeout,
    ...(fleet.consul_answer !== undefined && { answerBytes: fleet.consul_answer }),
    template: readTemplate(name, fleet.template, source, problems),
    backends: inOrder(fleet.backends, below('backends')).map(([backend, policy]) =>
      typedBackend(backend, policy),
    ),
  };
}

function readTemplate(
  fleet: string,
  template: string | undefined,
  source: ConfigSource,
  problems: Problem[],
): Fleet['template'] {
  if (template === undefined) return null;
  const path = resolve(source.folder, template);
  try {
    return { path, text: source.readTemplate(path) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    problems.push({ path: ['fleets', fleet, 'template'], problem: `cannot read the template: ${why}` });
    return null;
  }
}

function typedBackend(backend: string, policy: BackendOfSchema): BackendPolicy {
  return {
    backend,
    service: policy.service,
    tags: [...new Set(policy.tags)],
    include: policy.include,
    weights: policy.weights,
    server: policy.server,
    slots: policy.slots,
    spare: policy.spare,
    options: policy.options,
    placeholder: policy.placeholder,
    drainMs: policy.drain,
    keep: policy.keep,
    holdMs: policy.hold,
    allowEmpty: policy.allow_empty,
  };
}

function absolute(files: TlsFiles, folder: string): TlsFiles {
  return {
    ...(files.ca !== undefined && { ca: resolve(folder, files.ca) }),
    ...(files.cert !== undefined && { cert: resolve(folder, files.cert) }),
    ...(files.key !== undefined && { key: resolve(folder, files.key) }),
  };
}

/** The entries in the order of the file: a JavaScript object puts names that look like numbers first. */
function inOrder<Value>(values: Readonly<Record<string, Value>>, keys: readonly string[]): [string, Value][] {
  const place = (name: string) => (keys.includes(name) ? keys.indexOf(name) : keys.length);
  return Object.entries(values).sort(([one], [other]) => place(one) - place(other));
}
