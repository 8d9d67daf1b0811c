/** SQS, S3 and a hitless.yml: what the functions find around them, also in `process.env`. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { afterAll, vi } from 'vitest';
import { type Emulator, startEmulator } from '../../infra/local/emulator.ts';
import { temporaryFolder } from '../../infra/local/temporary-folder.ts';
import { decodeMessage, type QueueMessage } from '../../lib/queue/messages.ts';
import { TOKEN } from './http-event.ts';

export interface TestEnvironment {
  readonly variables: Readonly<Record<string, string>>;
  readonly queueUrl: string;
  readonly deadLetterUrl: string;
  readonly emulator: Emulator;
  readonly folder: string;
  /** Takes every message out of the queue, in order within a group. */
  takeMessages(): Promise<QueueMessage[]>;
  stopQueue(): Promise<void>;
}

/** To be called in `beforeAll`; everything ends after the file's tests. */
export async function startEnvironment(configuration: string): Promise<TestEnvironment> {
  const folder = temporaryFolder('functions');
  const emulator = await startEmulator();
  const { url, deadLetterUrl } = await emulator.createQueue();
  await emulator.createBucket('hitless');
  const file = join(folder.path, 'hitless.yml');
  writeFileSync(file, configuration);
  const variables = {
    ...emulator.environment,
    HITLESS_CONFIG: file,
    HITLESS_QUEUE_URL: url,
    HITLESS_WEBHOOK_TOKENS: TOKEN,
  };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  let stopped: Promise<void> | undefined;
  const stopQueue = () => {
    stopped ??= emulator.stop();
    return stopped;
  };
  afterAll(async () => {
    vi.unstubAllEnvs();
    await stopQueue();
    folder.remove();
  });
  return {
    variables,
    queueUrl: url,
    deadLetterUrl,
    emulator,
    folder: folder.path,
    async takeMessages() {
      const taken: QueueMessage[] = [];
      for (;;) {
        const receive = new ReceiveMessageCommand({
          QueueUrl: url,
          MaxNumberOfMessages: 10,
          WaitTimeSeconds: 0,
        });
        const { Messages = [] } = await emulator.sqs.send(receive);
        if (Messages.length === 0) return taken;
        for (const { Body = '', ReceiptHandle } of Messages) {
          taken.push(decodeMessage(Body));
          await emulator.sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }));
        }
      }
    },
    stopQueue,
  };
}
