import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { daemonMissing, startHost } from '../support/daemon.ts';

const missing = daemonMissing();

/** A port that nobody listens on. */
const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });

it.skipIf(missing !== undefined)(
  'the daemon tells how long its log is, where it was told to',
  async () => {
    const port = await freePort();
    const host = await startHost('metrics', { toml: `[metrics]\naddress = "127.0.0.1:${port}"` });
    try {
      const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
      const head = Number(await host.ok('info', '--format', '{{.Events}}'));
      const told = Number(/^shiplog_log_durable_events (\d+)$/m.exec(text)?.[1]);
      expect(told).toBeGreaterThan(0);
      expect(told).toBeLessThanOrEqual(head);
    } finally {
      await host.close();
    }
  },
  60_000,
);
