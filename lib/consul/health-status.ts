/**
 * What the checks of a registration and of its node say about it.
 *
 * After its start an agent calls a check critical until it has run, and says nothing about it; or, of a check that was
 * registered anew while it passed, says what it said then. One that runs and fails looks the same at first: as its
 * status has not changed, its words come minutes later (`check_update_interval`). All measured on 1.8.7.
 */

import type { HealthStatus } from '../model/service-entry.ts';

export interface Check {
  readonly CheckID: string;
  readonly Status: string;
  readonly Type: string;
  readonly Output?: string | null | undefined;
}

/** These have something to say whenever they ran, pass or fail; a TTL or a script may fail without a word. */
const NEVER_SILENT = new Set(['http', 'tcp', 'grpc']);
const SUCCESS = /^(HTTP \S+ \S+: 2\d\d |TCP connect \S+: Success$)/;

/**
 * Whether a check without words has not run yet. Not where one passes without words: there an agent drops them
 * (`discard_check_output`), or was told at the registration that it passes.
 *
 * @param checks of all registrations of a service.
 */
export function silenceMeansUnrun(checks: readonly Check[]): boolean {
  return !checks.some((check) => check.Status !== 'critical' && isSilent(check));
}

/**
 * The worst of its checks. Checks of the node stand beside those of the service. Consul shows a maintenance as a
 * critical check with a reserved id, so it is told from a failing one by that. No checks: passing. A status we do not
 * know: critical. Unchecked when nothing is critical but checks that have not run.
 */
export function statusOf(checks: readonly Check[], silenceIsUnrun: boolean): HealthStatus {
  if (checks.some(isMaintenance)) return 'maintenance';
  const failing = checks.filter((check) => check.Status !== 'passing');
  if (failing.length === 0) return 'passing';
  const critical = failing.filter((check) => check.Status !== 'warning');
  if (critical.length === 0) return 'warning';
  const hasNotRun = (check: Check) =>
    check.Status === 'critical' && ((silenceIsUnrun && isSilent(check)) || saysItPassed(check));
  return critical.every(hasNotRun) ? 'unchecked' : 'critical';
}

function isMaintenance({ CheckID }: Check): boolean {
  return CheckID === '_node_maintenance' || CheckID.startsWith('_service_maintenance:');
}

function isSilent({ Type, Output }: Check): boolean {
  return Output === '' && NEVER_SILENT.has(Type);
}

function saysItPassed({ Type, Output }: Check): boolean {
  return NEVER_SILENT.has(Type) && SUCCESS.test(Output ?? '');
}
