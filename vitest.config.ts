import { defineConfig } from 'vitest/config';

/** Tiers are folders (test/<tier>); `npm run test:unit` is the one to run all the time. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
