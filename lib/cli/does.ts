/** Running one command: its options in, its exit code out, one clear message instead of a stack trace. */

import type { Command, OptionValues } from 'commander';
import type { Fleet } from '../model/fleet.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { tell } from './output/print.ts';
import { isDebugging } from './wiring.ts';

/** Makes `work` what the command does. Whatever it throws becomes a message and exit code 1. */
export function does<Options extends OptionValues>(
  command: Command,
  work: (options: Options) => Promise<ExitCode>,
): Command {
  return command
    .showHelpAfterError(`Run \`hitless ${command.name()} --help\` to see its options.`)
    .action(async () => {
      try {
        process.exitCode = await work(command.optsWithGlobals<Options>());
      } catch (error) {
        tellFailure(error);
        process.exitCode = EXIT.failed;
      }
    });
}

/** How the work on one fleet ended. */
export type FleetOutcome<Result> =
  | { readonly fleet: Fleet; readonly result: Result; readonly error: null }
  | { readonly fleet: Fleet; readonly result: null; readonly error: string };

/** All fleets at the same time; one that fails is told about, and harms no other. */
export function eachFleet<Result>(
  fleets: readonly Fleet[],
  work: (fleet: Fleet) => Promise<Result>,
): Promise<FleetOutcome<Result>[]> {
  return Promise.all(
    fleets.map(async (fleet): Promise<FleetOutcome<Result>> => {
      try {
        return { fleet, result: await work(fleet), error: null };
      } catch (error) {
        tellFailure(error, `fleet ${fleet.name}: `);
        return { fleet, result: null, error: messageOf(error) };
      }
    }),
  );
}

/** To standard error; with the place in the code only where HITLESS_DEBUG asks for it. */
function tellFailure(error: unknown, where = ''): void {
  tell(`${where}${messageOf(error)}`);
  if (isDebugging() && error instanceof Error) tell(String(error.stack));
}

/** Errors with a code are ours and made for operators; another one is a mistake in Hitless. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('code' in error) return error.message;
  return `${error.message} (HITLESS_DEBUG=1 shows where this happened)`;
}
