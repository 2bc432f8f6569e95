import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { DaemonHost, daemonMissing } from '../support/daemon.ts';
import { type EventStoreServer, startEventStoreServer } from '../support/eventstoredb-server.ts';

/** The built daemon against the server of the tests, in this process. */

const missing = daemonMissing();
const made: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of made.splice(0).reverse()) await end();
});

const given = async (toml: string, server?: EventStoreServer) => {
  const database = server ?? (await startEventStoreServer());
  if (server === undefined) made.push(() => database.close());
  const url = `esdb://127.0.0.1:${database.front.port}?tls=false`;
  const host = new DaemonHost('kurrentdb', { toml: `[kurrentdb]\nurl = "${url}"\n${toml}` });
  made.push(() => host.close());
  return { database, host, url };
};

interface Copy {
  readonly State: string;
  readonly LagEvents: number | string;
  readonly LastError: string;
}
const infoOf = async (host: DaemonHost): Promise<{ HostId: string; Events: number; LogCopy: Copy }> =>
  JSON.parse(await host.ok('info', '--format', 'json'));

const untilShipped = async (host: DaemonHost) => {
  for (let tries = 0; tries < 100; tries += 1) {
    const info = await infoOf(host);
    if (info.LogCopy.State === 'shipping' && Number(info.LogCopy.LagEvents) === 0) return info;
    await sleep(100);
  }
  throw new Error(`never in step: ${await host.ok('info')}`);
};

/** The stream and the log of the daemon, as types by position. */
const compared = async (host: DaemonHost, database: EventStoreServer, hostId: string) => {
  const stream = database.streams.events(`shiplog-${hostId}`).map(({ type }) => type);
  const log = (await host.events()).map(({ type }) => type);
  return { stream: stream.slice(0, log.length), log: log.slice(0, stream.length) };
};

describe.skipIf(missing !== undefined)(`a daemon with KurrentDB (${missing ?? 'in this process'})`, () => {
  it('ships its log as a replica, also over outages and kills', { timeout: 120_000 }, async () => {
    const { database, host, url } = await given('host_id = "alpha"');
    await host.start();
    expect(await host.ok('info')).toMatch(/Log is copied to: shiplog-alpha on 127\.0\.0\.1:\d+\n/);
    await untilShipped(host);
    await host.restart('SIGKILL');
    await untilShipped(host);
    await database.front.shut();
    await host.restart('SIGKILL');
    const { LogCopy } = await infoOf(host);
    expect(Number(LogCopy.LagEvents)).toBeGreaterThan(0);
    await database.front.reopen();
    const info = await untilShipped(host);
    const { stream, log } = await compared(host, database, 'alpha');
    expect(stream.length).toBe(info.Events);
    expect(stream).toEqual(log);
    expect(await host.end('SIGTERM')).toBe(0);
    // The end is shipped too.
    expect(database.streams.events('shiplog-alpha').at(-1)?.type).toBe('daemon-stopped');
    await host.start();
    const { code, out } = await host.shiplog(['fleet', 'events', '--url', url, '--all-namespaces']);
    expect(code).toBe(0);
    expect(out).toMatch(/^alpha .* daemon-started: /);
  });

  it('tells of a stream that is not its own and leaves it alone', { timeout: 60_000 }, async () => {
    const { database, host } = await given('host_id = "beta"');
    await host.start();
    await untilShipped(host);
    const other = await given('host_id = "beta"', database);
    await other.host.start();
    const before = database.streams.events('shiplog-beta').length;
    let info = await infoOf(other.host);
    for (let tries = 0; tries < 50 && info.LogCopy.State !== 'stopped'; tries += 1) {
      await sleep(100);
      info = await infoOf(other.host);
    }
    expect(info.LogCopy.LastError).toMatch(/two histories|the copy \d+/);
    expect(database.streams.events('shiplog-beta')).toHaveLength(before);
  });

  it('keeps its log there as primary, and starts from its files', { timeout: 120_000 }, async () => {
    const { database, host } = await given('mode = "primary"\ngive_up = "1s"');
    await host.start();
    const { HostId } = await infoOf(host);
    await host.restart('SIGKILL');
    await host.restart('SIGKILL');
    await untilShipped(host);
    const { stream, log } = await compared(host, database, HostId);
    expect(stream).toEqual(log);
    expect(stream.filter((type) => type === 'daemon-started')).toHaveLength(3);
    await database.front.shut();
    // What changes anything has to be recorded first; what only asks is answered.
    const { code, err } = await host.shiplog(['pull', '127.0.0.1:1/nothing']);
    expect([code, err]).toEqual([1, expect.stringContaining('KurrentDB')]);
    expect((await host.shiplog(['ps'])).code).toBe(0);
    await host.end('SIGKILL');
    expect((await host.refusal(60_000)).err).toContain('KurrentDB');
    await database.front.reopen();
    await host.start();
  });

  it('stops when another daemon takes its primary over', { timeout: 120_000 }, async () => {
    const { database, host } = await given('mode = "primary"\nhost_id = "gamma"');
    await host.start();
    const other = await given('mode = "primary"\nhost_id = "gamma"', database);
    await other.host.start();
    const { code, err } = await host.shiplog(['pull', '127.0.0.1:1/nothing']);
    expect([code, err]).toEqual([1, expect.stringContaining('Another daemon uses the id of this host')]);
    await sleep(500);
    expect(host.said).toContain('another daemon writes the log of this host');
    expect((await other.host.shiplog(['info'])).code).toBe(0);
  });
});
