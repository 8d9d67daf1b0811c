/** Where words go: results to standard output, everything else to standard error. */

/** One or more lines of the result; without lines, nothing. */
export function print(lines: readonly string[]): void {
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}

/** The whole result as one document. */
export function printJson(document: unknown): void {
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}

/** A message beside the result: an error, a notice, progress. Its further lines are indented. */
export function tell(message: string): void {
  process.stderr.write(`hitless: ${message.replaceAll('\n', '\n  ')}\n`);
}
