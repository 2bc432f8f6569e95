import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CloudEvent } from 'cloudevents';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type FakeDaemon, runCli, startFakeDaemon } from '../../../support/fake-daemon.ts';

const Written = z.object({
  type: z.string(),
  version: z.number(),
  subject: z.string(),
  data: z.unknown(),
  meta: z.object({ correlation: z.string(), time: z.object({ wall: z.number() }) }),
});

/** An event of every type there is, as the daemon sends it. */
const events = readFileSync(join(import.meta.dirname, '../../../golden/events.jsonl'), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line, n) => {
    const { type, version, subject, data, meta } = Written.parse(JSON.parse(line));
    return {
      position: BigInt(n),
      type,
      version,
      subject,
      data: JSON.stringify(data),
      actor: { uid: 1000n, gid: 1000n, pid: 77n, exe: '/usr/bin/node', client: 'shiplog' },
      wallUs: BigInt(meta.time.wall),
      boot: 'boot-1',
      correlation: meta.correlation,
      causation: n === 0 ? undefined : BigInt(n - 1),
      reason: n === 1 ? 'ticket 42' : '',
      summary: `what ${type} says`,
    };
  });

let daemon: FakeDaemon;
beforeEach(async () => {
  daemon = await startFakeDaemon();
  daemon.unary('System', 'info', () => ({ hostId: '01j9z0c0ffee' }));
  daemon.stream('Log', 'events', () => events);
});
afterEach(() => daemon.close());

const exported = async (...argv: string[]): Promise<unknown[]> => {
  const { stdout, stderr, exitCode: code } = await runCli(daemon.address, ['log', 'export', ...argv]);
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
};

describe('log export as CloudEvents', () => {
  it('gives what the specification takes, for every type of event', async () => {
    const objects = await exported();
    expect(objects).toHaveLength(events.length);
    for (const object of objects) {
      expect(new CloudEvent(z.record(z.string(), z.unknown()).parse(object), true).validate()).toBe(true);
    }
  });

  it('says who, when, what and why', async () => {
    expect((await exported())[1]).toEqual({
      specversion: '1.0',
      id: '1',
      source: '/shiplog/hosts/01j9z0c0ffee',
      type: 'io.shiplog.daemon-stopped.v1',
      subject: 'host',
      time: '2026-11-18T11:06:41.000000Z',
      datacontenttype: 'application/json',
      sequence: '00000000000000000001',
      correlationid: 'request-1',
      causationid: '0',
      actoruid: '1000',
      actorgid: '1000',
      actorpid: '77',
      actorexe: '/usr/bin/node',
      actorclient: 'shiplog',
      reason: 'ticket 42',
      bootid: 'boot-1',
      data: { because: 'SIGTERM' },
    });
  });

  it('stops before --to', async () => {
    expect(await exported('--from', '0', '--to', '3')).toHaveLength(3);
  });

  it('refuses a format that it does not know', async () => {
    const { stderr, exitCode: code } = await runCli(daemon.address, ['log', 'export', '--format', 'syslog']);
    expect(stderr).toContain("there is no format 'syslog' of export; give cloudevents or ocsf");
    expect(code).toBe(125);
  });
});

/** What OCSF 1.3 requires of both classes, as far as they are used here. */
const Base = z.object({
  severity_id: z.number().int().min(0).max(6),
  status_id: z.number().int(),
  time: z.number().int().positive(),
  message: z.string().min(1),
  metadata: z.object({
    version: z.literal('1.3.0'),
    product: z.object({ name: z.string(), vendor_name: z.string() }),
    uid: z.string(),
    sequence: z.number().int(),
  }),
  device: z.object({ type_id: z.number().int(), uid: z.string() }),
  actor: z.object({ user: z.object({ uid: z.string() }), process: z.object({ pid: z.number() }) }),
});
const ApiActivity = Base.extend({
  category_uid: z.literal(6),
  class_uid: z.literal(6003),
  activity_id: z.union([z.literal(1), z.literal(2), z.literal(3), z.literal(4), z.literal(99)]),
  api: z.object({ operation: z.string().min(1) }),
  src_endpoint: z.object({ uid: z.string().min(1) }),
  resources: z.array(z.object({ uid: z.string().min(1), type: z.string().min(1) })),
});
const ProcessActivity = Base.extend({
  category_uid: z.literal(1),
  class_uid: z.literal(1007),
  activity_id: z.union([z.literal(1), z.literal(2)]),
  process: z.object({ uid: z.string().min(1), container: z.object({ uid: z.string().min(1) }) }),
});

describe('log export as OCSF', () => {
  it('has the fields that its class requires, for every type of event', async () => {
    for (const object of await exported('--format', 'ocsf')) {
      const { class_uid, activity_id } = z.union([ApiActivity, ProcessActivity]).parse(object);
      expect(object).toMatchObject({ type_uid: class_uid * 100 + activity_id });
    }
  });

  it('tells the end of a process with its code', async () => {
    const objects = await exported('--format', 'ocsf');
    const number = events.findIndex(({ type }) => type === 'task-exited');
    const { exitCode } = z.object({ exitCode: z.number() }).parse(JSON.parse(events[number]?.data ?? ''));
    expect(objects[number]).toMatchObject({ type_uid: 100702, exit_code: exitCode, status_id: 1 });
  });

  it('marks a refusal as a failure that is worth a look', async () => {
    const objects = await exported('--format', 'ocsf');
    const number = events.findIndex(({ type }) => type === 'command-refused');
    expect(objects[number]).toMatchObject({ status_id: 2, severity_id: 3, activity_name: 'command-refused' });
  });
});
