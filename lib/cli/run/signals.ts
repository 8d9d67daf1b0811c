/** What a running `hitless run` is told by signals: to read its configuration again, to end, to end now. */

export interface Signals {
  /** SIGTERM or SIGINT came: nothing new is begun. */
  readonly end: AbortSignal;
  /** It came twice, or what was under way did not end in time. */
  readonly stop: AbortSignal;
  /** Returns when one comes that did not end an earlier call. */
  next(): Promise<'reload' | 'end'>;
  /** From now on they do what they do by themselves. */
  close(): void;
}

/** @param graceMs between `end` and `stop`. */
export function listenForSignals(graceMs: number): Signals {
  const end = new AbortController();
  const stop = new AbortController();
  let reloads = 0;
  let told: () => void = () => {};
  const onHup = () => {
    reloads += 1;
    told();
  };
  const onTerm = () => {
    if (end.signal.aborted) stop.abort(new Error('hitless run was told to end; a later pass goes on'));
    else setTimeout(onTerm, graceMs).unref();
    end.abort();
    told();
  };
  const handlers = { SIGHUP: onHup, SIGTERM: onTerm, SIGINT: onTerm };
  for (const [name, handler] of Object.entries(handlers)) process.on(name, handler);
  return {
    ...{ end: end.signal, stop: stop.signal },
    async next() {
      while (reloads === 0 && !end.signal.aborted) {
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      }
      reloads = 0;
      return end.signal.aborted ? 'end' : 'reload';
    },
    close() {
      for (const [name, handler] of Object.entries(handlers)) process.off(name, handler);
    },
  };
}
