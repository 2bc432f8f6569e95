import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { dist, pointAtBuilt } from './scripts/entries.mjs';

// Every Node that a test starts would parse its certificates first, for longer than all else of its start takes.
delete process.env.NODE_EXTRA_CA_CERTS;

/**
 * Tiers are folders (test/<tier>); `npm run test:unit` is the one to run all the time.
 * Worker threads and holder processes that code starts are the built ones; `scripts/vitest-setup.mjs` builds them.
 */
export default defineConfig({
  plugins: [
    {
      name: 'entry-urls',
      enforce: 'pre',
      transform: (code, id) =>
        id.includes('/src/adapters/') && id.endsWith('.ts') && code.includes('import.meta.url')
          ? { code: pointAtBuilt(code, id, (name) => `new URL('file://${join(dist, name)}.js')`), map: null }
          : undefined,
    },
  ],
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['scripts/vitest-setup.mjs'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
