import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { run } from '../../../src/adapters/cli/run.ts';
import { openEventStoreLog } from '../../../src/adapters/eventstoredb/event-store-log.ts';
import { openFleetLogs } from '../../../src/adapters/eventstoredb/fleet-logs.ts';
import { containerEvents } from '../../../src/domain/containers.ts';
import { Namespace } from '../../../src/domain/identity.ts';
import { definitionOf } from '../../../src/domain/world.ts';
import { fleetOf } from '../../../src/engine/fleet.ts';
import type { FleetToldEvent } from '../../../src/engine/ports/fleet.ts';
import type { EventStoreServer } from '../../support/eventstoredb-server.ts';
import { makeConsole } from '../../support/fake-daemon.ts';
import { type EventInput, eventFrom, factOf, wallAt } from '../../support/given.ts';
import { givenServers, quick, urlOf } from './given-server.ts';

const { start } = givenServers();
const [old, fresh] = [`sha256:${'ab'.repeat(32)}`, `sha256:${'cd'.repeat(32)}`];
const example = containerEvents['container-created'].example;

/** A container's events: made, started, and ended where `over`. */
const container = (id: string, digest: string, over = false, namespace = 'default'): EventInput[] => {
  const it = { namespace, id };
  const image = { name: 'docker.io/library/busybox:latest', digest };
  return [
    { type: 'container-created', data: { ...example, ...it, name: `web-${id}`, snapshotKey: id, image } },
    { type: 'task-create-requested', data: it },
    { type: 'task-created', data: { ...it, pid: 7 } },
    { type: 'task-start-requested', data: it },
    { type: 'task-started', data: { ...it, pid: 7 } },
    ...(over
      ? ([{ type: 'task-exited', data: { ...it, exitCode: 3, exitedAt: wallAt(9) } }] satisfies EventInput[])
      : []),
  ];
};

const write = async (server: EventStoreServer, hostId: string, events: readonly EventInput[]) => {
  const log = await openEventStoreLog({ connectionString: urlOf(server), hostId });
  const facts = events.map((event, index) => factOf(eventFrom(event), Number(log.head) + index));
  await log.append(
    facts.map(({ position: _, ...fact }) => ({ ...fact, version: definitionOf(fact.type)?.version ?? 1 })),
    log.head,
  );
  await log.close();
};

/** Three hosts, and streams of somebody else. */
const givenFleet = async () => {
  const server = await start();
  const foreign = { id: 'x', type: 'task-started', contentType: 'application/octet-stream', created: 0n };
  server.streams.append('orders-1', 'any', [{ ...foreign, data: Buffer.of(0), metadata: Buffer.of(1) }]);
  await write(server, 'one', container('aaaa1111', old, true));
  await write(server, 'two', container('bbbb2222', fresh));
  await write(server, 'two', [...container('bbbb3333', old), ...container('eeee5555', fresh, false, 'k8s')]);
  await write(server, 'three', container('cccc4444', fresh, true));
  const shiplog = async (...argv: string[]) => {
    const console = makeConsole({ env: { SHIPLOG_FLEET_URL: urlOf(server) } });
    const openFleet = async (connectionString: string) => fleetOf(openFleetLogs({ connectionString }));
    const code = await run(['fleet', ...argv], console, { openFleet });
    return { code, out: console.stdout.text(), err: console.stderr.text() };
  };
  const fleet = fleetOf(openFleetLogs({ connectionString: urlOf(server), limits: quick }));
  return { server, fleet, shiplog };
};

describe('the logs of all hosts', () => {
  it('tell which hosts ever ran a digest, and when', async () => {
    const { fleet, shiplog } = await givenFleet();
    const runs = await fleet.history({ hosts: [], thing: old });
    expect(runs.map(({ host, name, running }) => [host, name, running])).toEqual([
      ['one', 'web-aaaa1111', false],
      ['two', 'web-bbbb3333', true],
    ]);
    expect(runs[0]).toMatchObject({ firstStartedAt: wallAt(4), lastEndedAt: wallAt(5) });
    const { out, code } = await shiplog('history', old.slice(0, 16));
    expect(code).toBe(0);
    expect(out).toMatch(/^HOST +CONTAINER +IMAGE +DIGEST +FIRST STARTED +LAST +REMOVED\n/);
    expect(out).toMatch(/^two +default\/web-bbbb3333 +busybox:latest +abababababab .* runs *$/m);
    expect((await shiplog('history', 'busybox', '-q')).out.split('\n').sort()).toEqual([
      '',
      'one',
      'three',
      'two',
    ]);
    await fleet.close();
  });

  it('tell what runs now, on each', async () => {
    const { shiplog } = await givenFleet();
    const format = '{{.Host}} {{.Namespace}} {{.Names}} {{.State}}';
    expect((await shiplog('ps', '--format', format)).out).toBe(
      'two default web-bbbb3333 running\ntwo default web-bbbb2222 running\n',
    );
    expect((await shiplog('ps', '-aq', '--all-namespaces')).out.split('\n')).toHaveLength(6);
    expect((await shiplog('ps', '-a', '--host', 'three', '--format', format)).out).toBe(
      'three default web-cccc4444 exited\n',
    );
  });

  it('tell what happened, merged', async () => {
    const { shiplog } = await givenFleet();
    const lines = (await shiplog('events', '--filter', 'type=task-started')).out.trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['one', 'two', 'two', 'three']);
    const [line = ''] = (await shiplog('events', '--host', 'one', '--format', 'json')).out.split('\n');
    expect(JSON.parse(line)).toMatchObject({ Host: 'one', Position: 0, Type: 'container-created' });
  });

  it('are followed without gap or repeat while the connection breaks', async () => {
    const { server, fleet } = await givenFleet();
    const ending = new AbortController();
    const seen: FleetToldEvent[] = [];
    server.knobs.breakReads = { count: 2, after: 7 };
    const following = (async () => {
      const query = { hosts: [], filters: [], follow: true, namespace: Namespace.parse('default') };
      for await (const one of fleet.events(query, ending.signal)) {
        seen.push(one);
        if (seen.length === 32) ending.abort();
      }
    })();
    for (const id of ['d1', 'd2']) {
      await sleep(60);
      await write(server, 'one', container(id, fresh));
      server.front.cut();
    }
    await following;
    const places = seen.map(({ host, event }) => `${host} ${event.position}`);
    expect(new Set(places).size).toBe(32);
    const ofOne = seen.filter(({ host }) => host === 'one').map(({ event }) => Number(event.position));
    expect(ofOne).toEqual([...ofOne].sort((a, b) => a - b));
    expect(ofOne).toHaveLength(16);
  });

  it('are read on after a break', async () => {
    const { server, fleet } = await givenFleet();
    server.knobs.breakReads = { count: 3, after: 2 };
    expect(await fleet.history({ hosts: [], thing: 'busybox' })).toHaveLength(5);
    await fleet.close();
  });
});

describe('a question that can not be answered', () => {
  it.each([
    { argv: ['ps', '--host', 'four'], says: 'there is no stream shiplog-four', code: 1 },
    { argv: ['events', '--filter', 'tpe=x'], says: "filter 'tpe=x' is not known", code: 1 },
    { argv: ['ps', '--url', 'http://x'], says: 'connection string', code: 1 },
  ])('$argv says why', async ({ argv, says, code }) => {
    const { shiplog } = await givenFleet();
    const told = await shiplog(...argv);
    expect(told.err).toContain(says);
    expect(told.code).toBe(code);
  });

  it('for want of rights says so', async () => {
    const { server, shiplog } = await givenFleet();
    server.knobs.denied = true;
    const { err, code } = await shiplog('ps');
    expect(err).toContain('Give this user the right');
    expect(code).toBe(1);
  });

  it('wants to know where the logs are', async () => {
    const console = makeConsole();
    expect(await run(['fleet', 'ps'], console)).toBe(125);
    expect(console.stderr.text()).toContain('SHIPLOG_FLEET_URL');
  });
});
