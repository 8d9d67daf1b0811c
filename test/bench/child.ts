/**
 * Work in a process of its own, so that its time and memory are not mixed with ours: requests to it, answers from it.
 * The child ends when this process does.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import * as v from 'valibot';

export interface Child {
  /** @throws Error with the child's own words when it could not do it. */
  ask<T>(request: unknown, answer: v.GenericSchema<unknown, T>): Promise<T>;
  stop(): Promise<void>;
}

export interface ChildOptions {
  /** Added to our own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** For Node.js. */
  readonly execArgv?: readonly string[];
}

const reply = v.object({ id: v.number(), answer: v.unknown(), error: v.nullable(v.string()) });
const question = v.object({ id: v.number(), request: v.unknown() });

/** @param module the child's program: it calls `answerParent`. */
export function startChild(module: URL, options: ChildOptions = {}): Child {
  const { environment, execArgv = [] } = options;
  const child = fork(module, { env: { ...process.env, ...environment }, execArgv: [...execArgv] });
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  let last = 0;
  child.on('message', (message) => {
    const { id, answer, error } = v.parse(reply, message);
    const asked = waiting.get(id);
    waiting.delete(id);
    if (error === null) asked?.resolve(answer);
    else asked?.reject(new Error(error));
  });
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values())
      reject(new Error(`${module.pathname} ended: ${code ?? signal}`));
    waiting.clear();
  });
  return {
    async ask(request, schema) {
      const id = ++last;
      const answer = await new Promise<unknown>((resolve, reject) => {
        waiting.set(id, { resolve, reject });
        child.send({ id, request });
      });
      return v.parse(schema, answer);
    },
    stop: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGKILL');
  await exit;
}

/** In the child: answers requests one after the other as they come, and ends with the parent. */
export function answerParent<T>(
  schema: v.GenericSchema<unknown, T>,
  answer: (request: T) => Promise<unknown>,
): void {
  process.on('disconnect', () => process.exit());
  process.on('message', async (message) => {
    const { id, request } = v.parse(question, message);
    try {
      process.send?.({ id, answer: (await answer(v.parse(schema, request))) ?? null, error: null });
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.send?.({ id, answer: null, error: text });
    }
  });
}
