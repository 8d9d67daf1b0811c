/** What happens in the system, read from the functions' own logs: one JSON line for each event. */

import * as v from 'valibot';
import type { FunctionLogLine } from '../lambda/invocation.ts';

const fleet = v.string();
const instance = v.string();
const generation = v.number();
const ms = v.number();

/** The events that somebody looks at here, with the facts looked at; there are more facts in the log. */
const known = v.variant('event', [
  v.object({ event: v.literal('watch_received'), consulService: v.string(), entries: v.number() }),
  v.object({ event: v.literal('watch_refused'), status: v.number(), why: v.string() }),
  v.object({ event: v.literal('reconcile_requested'), fleets: v.array(fleet) }),
  v.object({ event: v.literal('table_published'), fleet, generation }),
  v.object({
    event: v.literal('configuration_published'),
    fleet,
    generation,
    sha256: v.string(),
    structure: v.string(),
  }),
  v.object({
    event: v.literal('instance_applied'),
    fleet,
    instance,
    generation,
    commands: v.number(),
    ms,
  }),
  v.object({
    event: v.literal('instance_lagging'),
    fleet,
    instance,
    generation,
    commands: v.number(),
    ms,
    reason: v.string(),
  }),
  v.object({
    event: v.literal('change_withheld'),
    fleet,
    backend: v.string(),
    server: v.string(),
    endpoint: v.string(),
    reason: v.string(),
    untilMs: v.nullish(v.number(), null),
  }),
  v.object({
    event: v.literal('endpoint_refused'),
    fleet,
    backend: v.string(),
    address: v.string(),
    port: v.number(),
    reason: v.string(),
  }),
  v.object({ event: v.literal('endpoint_noticed'), fleet, backend: v.string(), notice: v.string() }),
  v.object({ event: v.literal('consul_unavailable'), fleet, error: v.string(), usedEvent: v.boolean() }),
  v.object({
    event: v.literal('pass_done'),
    fleet,
    generation,
    messages: v.number(),
    converged: v.number(),
    lagging: v.array(instance),
    ms,
  }),
]);

interface Source {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** The function, or the host's own name for it. */
  readonly source: string;
  readonly level: 'info' | 'warn' | 'error';
}

/** `other`: an event without a schema here, or a line that is no event (a crash, a word of the function's host). */
export type SystemEvent = Source & (v.InferOutput<typeof known> | OtherEvent);

interface OtherEvent {
  readonly event: 'other';
  readonly text: string;
}

const logLine = v.looseObject({ message: v.string(), level: v.string(), timestamp: v.string() });

/** Undefined for what is not an event: metrics, and the host's report on an invocation that went well. */
export function readEvent({ functionName, stream, line }: FunctionLogLine): SystemEvent | undefined {
  if (line.trim() === '') return undefined;
  if (stream === 'host' && /^REPORT Duration: [\d.]+ ms$/.test(line)) return undefined;
  const source = { source: functionName, atMs: Date.now() };
  const document = jsonOf(line);
  if (document === undefined) return { ...source, level: 'warn', event: 'other', text: line };
  if (typeof document === 'object' && document !== null && '_aws' in document) return undefined;
  const parsed = v.safeParse(logLine, document);
  if (!parsed.success) return { ...source, level: 'warn', event: 'other', text: line };
  const { message, level: logged, timestamp, ...facts } = parsed.output;
  const level = levelOf(logged);
  const atMs = Date.parse(timestamp);
  const event = v.safeParse(known, { ...facts, event: message });
  if (event.success) return { ...source, atMs, level, ...event.output };
  return { ...source, atMs, level, event: 'other', text: otherText(message, facts) };
}

function jsonOf(line: string): unknown {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function levelOf(logged: string): 'info' | 'warn' | 'error' {
  if (logged === 'ERROR' || logged === 'CRITICAL') return 'error';
  return logged === 'WARN' ? 'warn' : 'info';
}

/** Facts that every line of a function has; they tell nothing here. */
const always = [
  'service',
  'cold_start',
  'function_arn',
  'function_memory_size',
  'function_name',
  'function_request_id',
  'sampling_rate',
  'xray_trace_id',
];

function otherText(message: string, facts: Readonly<Record<string, unknown>>): string {
  const told = Object.entries(facts).filter(([name]) => !always.includes(name));
  return [message, ...told.map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(' ');
}
