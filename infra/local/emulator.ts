/**
 * SQS and S3 over HTTP on 127.0.0.1, spoken to with the unmodified AWS SDK: fauxqs, with conditional writes in front.
 * Everything is kept in memory and gone when it stops.
 *
 * Where it differs from AWS (measured on fauxqs 2.4.1): a FIFO receive hands out at most one message of a group;
 * no rights, signatures, quotas or retention are checked;
 * versioning, lifecycle rules and object tags are accepted and do nothing.
 */

import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs';
import { buildApp } from 'fauxqs';
import { addConditionalWrites } from './conditional-writes.ts';

export interface Emulator {
  /** `http://127.0.0.1:PORT`; both services answer at the same port. */
  readonly sqsEndpoint: string;
  readonly s3Endpoint: string;
  readonly region: string;
  /** Any are accepted; these are what `environment` names. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** What makes an SDK client without any configuration of its own, in another process too, come here. */
  readonly environment: Readonly<Record<string, string>>;
  /** Ready-made clients; `stop` destroys them. */
  readonly sqs: SQSClient;
  readonly s3: S3Client;
  /** A FIFO queue and its dead-letter queue. Every call needs another name. */
  createQueue(options?: QueueOptions): Promise<QueuePair>;
  createBucket(name: string): Promise<void>;
  /** How many messages are in a queue: waiting, and handed out without being deleted yet. */
  countMessages(queueUrl: string): Promise<{ readonly waiting: number; readonly inFlight: number }>;
  stop(): Promise<void>;
}

export interface QueueOptions {
  /** Without `.fifo`, which is added; `hitless` unless told. The dead-letter queue is `NAME-dead.fifo`. */
  readonly name?: string;
  /** Seconds until a message that was handed out and not deleted is handed out again; 30 unless told. */
  readonly visibilityTimeout?: number;
  /** How often a message is handed out before it goes to the dead-letter queue; 100 unless told, as deployed. */
  readonly maxReceiveCount?: number;
}

export interface QueuePair {
  readonly url: string;
  readonly arn: string;
  readonly deadLetterUrl: string;
  readonly deadLetterArn: string;
}

/** Starts the emulator on a free port. It runs inside this process and ends with it. */
export async function startEmulator(): Promise<Emulator> {
  const app = buildApp({ logger: false });
  addConditionalWrites(app);
  const endpoint = await app.listen({ host: '127.0.0.1', port: 0 });

  const region = 'us-east-1';
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const client = { endpoint, region, credentials } satisfies SQSClientConfig;
  const sqs = new SQSClient(client);
  const s3 = new S3Client({ ...client, forcePathStyle: true });

  return {
    sqsEndpoint: endpoint,
    s3Endpoint: endpoint,
    region,
    credentials,
    environment: {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      AWS_ENDPOINT_URL_SQS: endpoint,
      AWS_ENDPOINT_URL_S3: endpoint,
    },
    sqs,
    s3,
    createQueue: (options) => createPair(sqs, endpoint, options),
    async createBucket(name) {
      await s3.send(new CreateBucketCommand({ Bucket: name }));
    },
    countMessages: (queueUrl) => countMessages(sqs, queueUrl),
    async stop() {
      sqs.destroy();
      s3.destroy();
      await app.close();
    },
  };
}

async function createPair(
  sqs: SQSClient,
  endpoint: string,
  { name = 'hitless', visibilityTimeout = 30, maxReceiveCount = 100 }: QueueOptions = {},
): Promise<QueuePair> {
  const dead = await createFifo(sqs, endpoint, `${name}-dead.fifo`, {});
  const queue = await createFifo(sqs, endpoint, `${name}.fifo`, {
    VisibilityTimeout: String(visibilityTimeout),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount }),
  });
  return { ...queue, deadLetterUrl: dead.url, deadLetterArn: dead.arn };
}

/**
 * A client without an endpoint of its own goes to the host of the queue's URL, and the emulator's own URLs name
 * `sqs.us-east-1.localhost`, which not every system resolves. It looks at their path alone, so the host is replaced.
 */
async function createFifo(
  sqs: SQSClient,
  endpoint: string,
  name: string,
  attributes: Record<string, string>,
): Promise<{ readonly url: string; readonly arn: string }> {
  const { QueueUrl } = await sqs.send(
    new CreateQueueCommand({
      QueueName: name,
      Attributes: { FifoQueue: 'true', MaximumMessageSize: '1048576', ...attributes },
    }),
  );
  if (QueueUrl === undefined) throw new Error(`the emulator gave no URL for the queue ${name}`);
  const url = new URL(new URL(QueueUrl).pathname, endpoint).href;
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['QueueArn'] }),
  );
  const arn = Attributes?.QueueArn;
  if (arn === undefined) throw new Error(`the emulator gave no ARN for the queue ${name}`);
  return { url, arn };
}

async function countMessages(sqs: SQSClient, queueUrl: string) {
  const { Attributes } = await sqs.send(
    new GetQueueAttributesCommand({
      QueueUrl: queueUrl,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    }),
  );
  return {
    waiting: Number(Attributes?.ApproximateNumberOfMessages),
    inFlight: Number(Attributes?.ApproximateNumberOfMessagesNotVisible),
  };
}
