/** The command line asks for something that is not there. Trying the same again will not help. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  readonly code = 'CLI_USAGE';
}
