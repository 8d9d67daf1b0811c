/** A message is not one of ours, or not of a version that we read. Receiving it again will not help. */
export class MessageInvalid extends Error {
  override readonly name = 'MessageInvalid';
  readonly code = 'QUEUE_MESSAGE_INVALID';
  readonly reason: string;

  constructor(reason: string) {
    super(`not a message of Hitless: ${reason}`);
    this.reason = reason;
  }
}
