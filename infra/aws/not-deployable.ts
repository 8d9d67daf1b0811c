/** The configuration is right, but not one for AWS; the message says what to change. */
export class NotDeployable extends Error {
  override readonly name = 'NotDeployable';
  readonly code = 'NOT_DEPLOYABLE';
}
