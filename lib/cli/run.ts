/** `hitless run`: stays, follows Consul, and does a pass whenever there is something to do. For a service manager. */

import { type Command, InvalidArgumentError } from 'commander';
import { type FollowTold, follow, MOST_OPEN } from '../follow/follow.ts';
import type { Ending } from '../follow/follow-fleet.ts';
import { type FleetStatus, fleetStatus } from '../sync/status.ts';
import { does, messageOf } from './does.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { type GlobalOptions, select } from './global-options.ts';
import type { Statuses } from './output/prometheus-text.ts';
import { type Journal, openJournal } from './run/journal.ts';
import type { MetricsServer } from './run/metrics.ts';
import { createNarrator, type Narrator } from './run/narrator.ts';
import { type PassCounts, passCounts } from './run/pass-counts.ts';
import { type ServiceNotices, serviceNotices } from './run/service-notices.ts';
import { listenForSignals } from './run/signals.ts';
import { openPorts, openQuestions, serviceManager } from './wiring.ts';

const HELP = `
Does what \`hitless sync\` does, with the same store: at once when Consul says that a service of hitless.yml changed, when
a drain or a hold ends, and every minute. Any number of it, of \`hitless sync\` and of the functions can work side by side.

Standard output has a line for each pass that changed something, and one when something begins or ends to be wrong;
with --json each line is a JSON document.

With --metrics, http://127.0.0.1:PORT/metrics has what \`hitless status --prometheus\` tells, and how its own passes went.

Signals:
  SIGHUP   reads hitless.yml and its templates again; a bad one is refused, and the old one stays in force
  SIGTERM  ends with the pass under way, as SIGINT does; a second one, or two seconds, end with the command in flight

Exit codes:
  0  it was told to end
  1  it could not begin: hitless.yml is missing or wrong

Examples:
  $ hitless run
  As a service of systemd, with the unit file infra/host/hitless.service:
    $ systemctl enable --now hitless
`;

/** Milliseconds that the pass under way has to end by itself. */
const GRACE_MS = 2_000;
/** Without the end of a pass for so long it is stuck, for a pass has limits everywhere. Milliseconds. */
const STUCK_MS = 5 * 60_000;

export function addRun(program: Command): void {
  const command = program
    .command('run')
    .summary('stay, and bring every instance in step at every change')
    .description('Stays, follows Consul, and brings every instance in step at every change.')
    .option('--metrics <port>', 'serve /metrics for Prometheus there, on 127.0.0.1 alone', portNumber)
    .addHelpText('after', HELP);
  does(command, run);
}

interface RunOptions extends GlobalOptions {
  readonly metrics?: number;
}

function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new InvalidArgumentError('it is a port from 1 to 65535; 0 is any free one.');
  }
  return Number(text);
}

async function run(options: RunOptions): Promise<ExitCode> {
  const { notifySocket, watchdogMs, writesTimes } = serviceManager();
  const journal = openJournal({ json: options.json === true, times: !writesTimes });
  const notices = serviceNotices(notifySocket, ({ message }) =>
    journal.write({ event: 'notice_failed', level: 'warn', text: `systemd could not be told: ${message}` }),
  );
  const narrator = createNarrator(journal, notices);
  const counts = passCounts();
  const told: Told = { narrator, counts, journal, notices };
  const isAlive = () => performance.now() - narrator.lastEndMs() < STUCK_MS;
  const signs =
    watchdogMs === null
      ? undefined
      : setInterval(() => isAlive() && notices.tell('WATCHDOG=1'), watchdogMs / 3);
  const signals = listenForSignals(GRACE_MS);
  let metrics: MetricsServer | null = null;
  try {
    let now = await open(options, told);
    if (options.metrics !== undefined) {
      const { serveMetrics } = await import('./run/metrics.ts');
      metrics = await serveMetrics(options.metrics, () => now.statuses(), counts);
      const text = `metrics are at http://127.0.0.1:${metrics.port}/metrics`;
      journal.write({ event: 'metrics_served', level: 'info', text, facts: { port: metrics.port } });
    }
    for (let next: Opened | null = now; next !== null; ) {
      now = next;
      const retire = new AbortController();
      const either = AbortSignal.any([retire.signal, signals.end]);
      const following = now.follow({ retire: either, stop: signals.stop });
      do {
        next = (await signals.next()) === 'end' ? null : await reload(options, told);
      } while (next === null && !signals.end.aborted);
      retire.abort();
      await following;
    }
    notices.tell('STOPPING=1');
    journal.write({ event: 'ended', level: 'info', text: 'ended, as it was told to' });
    return EXIT.ok;
  } finally {
    clearInterval(signs);
    signals.close();
    await metrics?.close();
    await notices.sent();
  }
}

/** A hitless.yml that can be followed. */
interface Opened {
  /** Follows until it is to end. */
  readonly follow: (ending: Ending) => Promise<void>;
  readonly statuses: () => Promise<Statuses>;
}

/** @throws ConfigInvalid, UsageError, and what opening the store throws. */
async function open(options: GlobalOptions, { narrator, counts }: Told): Promise<Opened> {
  const { config, fleets } = await select(options);
  const [ports, questions] = await Promise.all([
    openPorts(config, narrator.log),
    openQuestions(config, MOST_OPEN),
  ]);
  return {
    follow(ending) {
      narrator.begin(fleets);
      counts.begin();
      return follow(ports, questions, fleets, both(narrator, counts), ending);
    },
    async statuses() {
      const all = fleets.map(
        async (fleet): Promise<[string, FleetStatus | null]> => [
          fleet.name,
          await fleetStatus(ports.store, fleet).catch(() => null),
        ],
      );
      return new Map(await Promise.all(all));
    },
  };
}

function both(one: FollowTold, other: FollowTold): FollowTold {
  return {
    onDone(pass) {
      one.onDone(pass);
      other.onDone(pass);
    },
    onFailed(fleet, error) {
      one.onFailed(fleet, error);
      other.onFailed(fleet, error);
    },
    onConsul(service, error) {
      one.onConsul(service, error);
      other.onConsul(service, error);
    },
  };
}

interface Told {
  readonly narrator: Narrator;
  readonly counts: PassCounts;
  readonly journal: Journal;
  readonly notices: ServiceNotices;
}

/** Null: the configuration cannot be used, which was said, and the old one stays in force. */
async function reload(options: GlobalOptions, told: Told): Promise<Opened | null> {
  const { counts, journal, notices } = told;
  notices.tell('RELOADING=1');
  try {
    const next = await open(options, told);
    counts.configurationIsRead = true;
    journal.write({ event: 'configuration_read', level: 'info', text: `${options.config} was read again` });
    return next;
  } catch (error) {
    counts.configurationIsRead = false;
    const why = messageOf(error).replaceAll('\n', '; ');
    const text = `${options.config} is refused, the one of before stays in force: ${why}`;
    journal.write({ event: 'configuration_refused', level: 'error', text });
    notices.tell('READY=1');
    return null;
  }
}
