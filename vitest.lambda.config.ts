import { defineConfig } from 'vitest/config';

/** `npm run test:lambda`: the packaged functions in AWS's own runtime, which takes a package and a native build. */
export default defineConfig({
  test: {
    include: ['test/lambda/**/*.lambda.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    reporters: ['default'],
  },
});
