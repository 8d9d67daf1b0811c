/**
 * What no order of lines can prevent: HAProxy has no compare-and-set, and shows who took a server out by nothing but
 * its weight. Each exemption excuses one kind of finding, for one reason that the case's own trace shows.
 */

import type { Finding } from './judge.ts';
import type { Ran } from './schedule.ts';
import { ENDS, isLook, STARTS, serverOf } from './trace.ts';
import type { Word } from './world.ts';

export interface Exemption {
  readonly name: string;
  readonly excuses: (finding: Finding, ran: Ran) => boolean;
}

export const EXEMPTIONS: readonly Exemption[] = [
  {
    name: "an operator's word between a look and its send",
    excuses: (finding, ran) =>
      isOfHold(finding) && wordsOn(finding, ran).some((word) => isSentBlindly(ran, word)),
  },
  {
    name: "an operator's word at weight 0",
    excuses: (finding, ran) => isOfHold(finding) && wordsOn(finding, ran).some(({ weight }) => weight === 0),
  },
  {
    name: "an operator's word on a slot that no stored report has verified yet",
    excuses: (finding, ran) => isOfHold(finding) && wordsOn(finding, ran).some(({ verified }) => !verified),
  },
  {
    name: 'a pass killed right behind its maint',
    excuses: (finding, ran) =>
      isOfHold(finding) && [...ran.killed].some((pass) => endsInMaint(finding, ran, pass)),
  },
  {
    name: "an operator's word that no report has named when HAProxy restarts",
    excuses: (finding, ran) =>
      isOfHold(finding) && wordsOn(finding, ran).some((word) => isLostInRestart(ran, word)),
  },
  {
    name: "an operator's ready on a server that a killed pass has put back, before any pass of the new process reports",
    excuses: (finding, ran) =>
      isOfHold(finding) && wordsOn(finding, ran).some((word) => isReadyTooEarly(ran, word)),
  },
  {
    name: "an operator's word between a look and its report",
    excuses: (finding, ran) =>
      isOfReport(finding) && wordsOn(finding, ran).some((word) => isReportedBlindly(ran, word)),
  },
  {
    name: 'a request while a held-up pass sends what an older look asked for',
    excuses: ({ law, at }, ran) =>
      (law === 'no request fails' || law === 'no wrong tenant is served') &&
      at !== null &&
      at >= ran.resumedAt &&
      at < ran.endedAt &&
      sendsBlindly(ran),
  },
];

/** About a server's being out of rotation, or reported so. */
function isOfHold(finding: Finding): boolean {
  const { law, server } = finding;
  const isState = law === 'the instance equals the table' || law === 'a hold is kept';
  return server !== null && (isState || isOfReport(finding));
}

function isOfReport({ law }: Finding): boolean {
  return law === 'a hold is reported' || law === 'nothing is reported falsely';
}

function wordsOn({ server }: Finding, { course }: Ran): readonly Word[] {
  return course.words.filter((word) => word.server === server);
}

/** Some pass sent something about the server after the word, and had looked before it. */
function isSentBlindly({ course }: Ran, { server, at }: Word): boolean {
  const lookedAt = new Map<string, number>();
  return course.trace.steps.some(({ by, text }, index) => {
    if (isLook(text)) lookedAt.set(by, index);
    return by !== 'operator' && index > at && serverOf(text) === server && (lookedAt.get(by) ?? 0) < at;
  });
}

/** HAProxy restarted after the word, and no pass that had seen it had ended by then. */
function isLostInRestart(ran: Ran, { at }: Word): boolean {
  const { steps } = ran.course.trace;
  const restart = steps.findIndex(({ text }, index) => index > at && text === STARTS);
  return restart !== -1 && !looksOf(ran).some(({ lookedAt, endedAt }) => lookedAt > at && endedAt < restart);
}

/** Until a report is of the new process, a ready server is one that just started. */
function isReadyTooEarly(ran: Ran, { at, state }: Word): boolean {
  const restart = ran.course.trace.steps.findLastIndex(({ text }, index) => index < at && text === STARTS);
  if (state !== 'ready' || restart === -1) return false;
  return !looksOf(ran).some(({ lookedAt, endedAt }) => lookedAt > restart && endedAt < at);
}

/** A pass reported after the word what it had seen before it. */
function isReportedBlindly(ran: Ran, { at }: Word): boolean {
  return looksOf(ran).some(({ lookedAt, endedAt }) => lookedAt < at && endedAt > at);
}

/** Of each pass that ended, its last look. */
function looksOf({ course }: Ran): { readonly lookedAt: number; readonly endedAt: number }[] {
  const { steps } = course.trace;
  return steps.flatMap(({ by, text }, endedAt) => {
    if (text !== ENDS) return [];
    const lookedAt = steps.findLastIndex(
      (step, index) => index < endedAt && step.by === by && isLook(step.text),
    );
    return [{ lookedAt, endedAt }];
  });
}

/** The pass that was held up sent something about a server that others had changed since it looked. */
function sendsBlindly({ course, resumedAt }: Ran): boolean {
  let lookedAt = 0;
  return course.trace.steps.some(({ by, text }, index) => {
    if (by !== 'first') return false;
    if (isLook(text)) lookedAt = index;
    const server = serverOf(text);
    if (server === null || index < resumedAt) return false;
    const since = course.trace.steps.slice(lookedAt, index);
    return since.some((step) => step.by !== 'first' && serverOf(step.text) === server);
  });
}

/** The last that reached HAProxy of what the pass had to say about the server. */
function endsInMaint({ server }: Finding, { course }: Ran, pass: string): boolean {
  const last = course.trace.steps.filter(({ by, text }) => by === pass && serverOf(text) === server).at(-1);
  return last?.text.endsWith(' state maint') ?? false;
}
