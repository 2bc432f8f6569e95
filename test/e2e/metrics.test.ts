import { readdirSync, readFileSync } from 'node:fs';
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

/** Of a thread, from its stat in proc(5): the 19th field. */
const niceOf = (stat: string): number => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);

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
      for (const quantile of ['', '_p50', '_p99', '_max']) {
        const name = `nodejs_eventloop_lag${quantile}_seconds`;
        expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])).toBeGreaterThanOrEqual(0);
      }
    } finally {
      await host.close();
    }
  },
  60_000,
);

it.skipIf(missing !== undefined)(
  'the thread that answers calls comes before the threads beside it',
  async () => {
    const host = await startHost('priority');
    try {
      const tasks = `/proc/${host.pid}/task`;
      const others = readdirSync(tasks).filter((id) => id !== String(host.pid));
      const nice = (id: string) => niceOf(readFileSync(`${tasks}/${id}/stat`, 'utf8'));
      expect(nice(String(host.pid))).toBe(-10);
      expect([...new Set(others.map(nice))]).toEqual([0]);
    } finally {
      await host.close();
    }
  },
  60_000,
);
