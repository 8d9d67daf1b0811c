import { afterAll, beforeAll } from 'vitest';
import { type Packaged, packaged } from './packaged.ts';
import { functionsHold } from './template/functions.ts';
import { operationsHold } from './template/operations.ts';
import { rightsHold } from './template/rights.ts';
import { storesHold } from './template/stores.ts';

// One file, because packaging takes a while.
let stack: Packaged;
beforeAll(async () => {
  stack = await packaged();
}, 180_000);
afterAll(() => stack.remove());

const template = () => stack.template;
rightsHold(template);
functionsHold(template);
storesHold(template);
operationsHold(template);
