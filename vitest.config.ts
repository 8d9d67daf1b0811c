import { defineConfig } from 'vitest/config';

/** Real-server tests start several processes each; a busy 2-core machine needs patience, not retries. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: ['default'],
  },
});
