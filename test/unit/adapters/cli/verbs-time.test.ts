import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containerEvents } from '../../../../src/domain/containers.ts';
import type { Metadata } from '../../../../src/domain/envelope.ts';
import { type Console, makeConsole, runCli } from '../../../support/fake-daemon.ts';
import { digest, type EventInput, eventFrom, factOf, wallAt } from '../../../support/given.ts';
import { pastOf } from '../../../support/past.ts';
import { type Serving, serving } from '../grpc/serving.ts';

const image = 'docker.io/library/busybox:latest';
const alice = { uid: 1000, gid: 1000, pid: 10, exe: '/usr/bin/shiplog', client: 'shiplog' };
const bob = { uid: 1001, gid: 1001, pid: 20, exe: '/usr/bin/ctr', client: 'ctr' };
const daemon = { uid: 0, gid: 0, pid: 1, exe: '/usr/bin/node', client: 'shiplogd' };

const target = { mediaType: 'application/x', digest: digest(1), size: 7 };
const { example } = containerEvents['container-created'];
const contained = { namespace: 'default', id: 'c0ffee' };
type Told = readonly [EventInput, Partial<Metadata>];

/** Alice pulls an image and makes a container; Bob removes both, and the daemon collects the content. */
const story: readonly Told[] = [
  [
    { type: 'blob-committed', data: { namespace: 'default', digest: digest(1), size: 7, labels: {} } },
    { actor: alice, correlation: 'pull' },
  ],
  [
    {
      type: 'image-created',
      data: { namespace: 'default', name: image, target, labels: { 'io.tier': 'front' } },
    },
    { actor: alice, correlation: 'pull', causation: '0', reason: 'release 7' },
  ],
  [
    { type: 'container-created', data: { ...example, ...contained, name: 'web' } as never },
    { actor: alice, correlation: 'run' },
  ],
  [
    { type: 'task-create-requested', data: contained },
    { actor: alice, correlation: 'run', causation: '2' },
  ],
  [
    { type: 'task-created', data: { ...contained, pid: 4711 } },
    { actor: alice, correlation: 'run', causation: '3' },
  ],
  [
    {
      type: 'image-updated',
      data: { namespace: 'default', name: image, target, labels: { 'io.tier': 'back' } },
    },
    { actor: bob, correlation: 'tag' },
  ],
  [
    { type: 'image-removed', data: { namespace: 'default', name: image, target } },
    { actor: bob, correlation: 'rmi', reason: 'cleaning up' },
  ],
  [
    {
      type: 'blob-removed',
      data: {
        ...{ namespace: 'default', digest: digest(1), size: 7, lastHolder: true },
        cause: { by: 'gc', freedBy: '6' },
      },
    },
    { actor: daemon, correlation: 'rmi', causation: '6' },
  ],
];

let served: Serving;
beforeAll(async () => {
  const facts = story.map(([event, meta], at) => factOf(eventFrom(event), at, meta));
  served = await serving({ time: await pastOf(facts) });
});
afterAll(async () => served[Symbol.asyncDispose]());

const cli = (argv: readonly string[], console: Console = makeConsole()) => runCli(served.path, argv, console);
const lines = (text: string) => text.trimEnd().split('\n');
const iso = (at: number) => new Date(wallAt(at) / 1000).toISOString().replace('Z', '000Z');

describe('diff', () => {
  it('tells what came, went and changed, with the events that did it', async () => {
    const { stdout, exitCode } = await cli(['diff', '2', '7']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      `+ container/default/c0ffee
    └─ ${iso(4)} 4 container/default/c0ffee task-created: process created, pid 4711 (uid 1000 via shiplog (/usr/bin/shiplog[10]))
- image/default/${image}
    └─ ${iso(6)} 6 image/default/${image} image-removed: image ${image} removed, pointed at ${digest(1)} (uid 1001 via ctr (/usr/bin/ctr[20]); why: cleaning up)
`,
    );
  });

  it('tells each field of what stays', async () => {
    const { stdout } = await cli(['diff', '2', '6', '--subject', 'busybox']);
    expect(lines(stdout).slice(0, 3)).toEqual([
      `~ image/default/${image}`,
      '    labels["io.tier"]: "front" → "back"  (5)',
      `    updatedAt: ${wallAt(1)} → ${wallAt(5)}  (5)`,
    ]);
  });

  it('prints an object a line', async () => {
    const { stdout } = await cli(['diff', '0', 'now', '--subject', 'web', '--format', 'json']);
    const change = JSON.parse(stdout);
    expect(change).toMatchObject({ Subject: 'container/default/c0ffee', Change: 'added' });
    expect(change.Fields).toContainEqual({
      Path: 'task.state.pid',
      Before: null,
      After: 4711,
      Position: 4,
    });
    expect(change.Events.map((event: { Position: number }) => event.Position)).toEqual([2, 3, 4]);
  });

  it('colours only what a person sees', async () => {
    const colour = (console: Console) => cli(['diff', '2', '7'], console);
    expect((await colour(makeConsole({ tty: true }))).stdout).toContain('\x1b[32m+ container');
    expect((await colour(makeConsole({ tty: true, env: { NO_COLOR: '1' } }))).stdout).not.toContain('\x1b');
  });

  it('wants the earlier moment first, and one that was', async () => {
    expect(await cli(['diff', '7', '2'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/position 7 comes after 2/),
    });
    expect((await cli(['diff', '2', '99'])).stderr).toMatch(/position 99 is to come/);
    expect((await cli(['diff', 'yesterdayish'])).stderr).toMatch(/yesterdayish/);
  });
});

describe('blame', () => {
  it('names for each field the last event that set it', async () => {
    const { stdout } = await cli(['blame', 'web', 'task.state']);
    expect(lines(stdout).map((line) => line.split(/ {3,}/).slice(0, 3))).toEqual([
      ['FIELD', 'VALUE', 'POSITION'],
      ['task.state.status', '"created"', '4'],
      ['task.state.pid', '4711', '4'],
    ]);
  });

  it('answers of something that is gone for a moment when it was there, and says which', async () => {
    expect(await cli(['blame', 'busybox'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/not there at position 8.*image-removed at position 6.*--at 6/),
    });
    const { stdout } = await cli(['blame', 'busybox', 'labels', '--at', '6', '--format', 'json']);
    expect(JSON.parse(stdout)).toMatchObject({
      Field: 'labels["io.tier"]',
      Value: 'back',
      Position: 5,
      Event: { Actor: { Uid: 1001, Client: 'ctr' } },
    });
  });

  it('lists the fields where it does not know the one that is asked for', async () => {
    expect((await cli(['blame', 'web', 'colour'])).stderr).toMatch(/no field 'colour'.*task\.state\.pid/);
  });
});

describe('causes', () => {
  it('draws a request with all that it led to', async () => {
    const { stdout } = await cli(['causes', '3']);
    expect(lines(stdout)).toEqual([
      `${iso(2)} 2 request container/default/c0ffee container-created: container web created from ${example.image?.name.replace('docker.io/library/', '')} (uid 1000 via shiplog (/usr/bin/shiplog[10]))`,
      '└─ 3 intent container/default/c0ffee task-create-requested: creation of its process requested  ◀ asked',
      '   └─ 4 outcome container/default/c0ffee task-created: process created, pid 4711',
    ]);
  });

  it('tells what the daemon did of its own accord, and who had given it cause', async () => {
    const { stdout } = await cli(['causes', '7']);
    expect(stdout).toMatch(/6 request .*why: cleaning up\)\n└─ 7 reaction blob.*freed by event 6.*shiplogd/);
  });

  it('prints an object a line, and says of a position to come that there is none', async () => {
    const nodes = lines((await cli(['causes', '1', '--format', 'json'])).stdout).map((line) =>
      JSON.parse(line),
    );
    expect(nodes.map(({ Depth, Part }) => [Depth, Part])).toEqual([
      [0, 'request'],
      [1, 'record'],
    ]);
    expect((await cli(['causes', '99'])).stderr).toMatch(/no event has position 99.*from 0 to 8/);
    expect(await cli(['causes', 'web'])).toMatchObject({ exitCode: 125 });
  });
});

describe('bisect', () => {
  it.each([[[]], [['--linear']]])('finds the event that made it true %j', async (flags) => {
    const { stdout, exitCode } = await cli(['bisect', "!('busybox' in images)", '--from', '2', ...flags]);
    expect(exitCode).toBe(0);
    expect(lines(stdout)[0]).toMatch(/^it turns true with event 6 \(\d states asked\)$/);
    expect(stdout).toMatch(/6 image\/default.*uid 1001 via ctr.*why: cleaning up/);
    expect(stdout).toMatch(/at 6, before it: false\nat 7, after it: {2}true\n$/);
  });

  it('counts what can not be told as false, and says so', async () => {
    const { stdout } = await cli(['bisect', 'containers.web.task.state.pid == 4711', '--to', '5']);
    expect(stdout).toMatch(/turns true with event 4/);
    const early = await cli(['bisect', 'containers.web.name == "web"']);
    expect(early.stdout).toMatch(/before it: not to be told, taken for false: .*web/);
  });

  it('says where it never is, always was, or was for a while', async () => {
    expect(await cli(['bisect', 'images.size() > 5'])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/not true at 8.*--linear/),
    });
    expect((await cli(['bisect', '--linear', 'images.size() > 5'])).stderr).toMatch(
      /nowhere from 0 to 8 \(9 states/,
    );
    expect((await cli(['bisect', 'true'])).stderr).toMatch(/true already at 0.*--from/);
    expect((await cli(['bisect', '--linear', "'busybox' in images"])).stdout).toMatch(/with event 1 /);
  });

  it('can ask who did what', async () => {
    const { stdout } = await cli([
      'bisect',
      '--linear',
      'event.actor.uid == 1001 && event.type.endsWith("removed")',
    ]);
    expect(stdout).toMatch(/with event 6/);
    const answer = await cli(['bisect', '--linear', 'position == 3', '--format', 'json']);
    expect(JSON.parse(answer.stdout)).toMatchObject({
      Found: true,
      Event: { Position: 2 },
      Before: { Position: 2, Holds: false },
      After: { Position: 3, Holds: true },
      States: 4,
    });
  });

  it('refuses what is no expression', async () => {
    expect((await cli(['bisect', 'images.'])).stderr).toMatch(/the expression 'images\.' can't be used/);
  });
});

describe('replay', () => {
  it('prints events with what each changed', async () => {
    const { stdout } = await cli(['replay', '--subject', 'busybox']);
    expect(lines(stdout).filter((line) => !line.startsWith(' '))).toHaveLength(3);
    expect(stdout).toContain('    labels["io.tier"]: "front" → "back"\n');
  });

  it('prints how much of everything there was, where it follows all', async () => {
    const { stdout } = await cli(['replay', '--from', '6']);
    expect(lines(stdout)).toHaveLength(6);
    expect(stdout).toMatch(/ {4}- \d+ fields\n/);
    expect(stdout).toContain('    namespaces 0, images 0, containers 1, running 0, snapshots 0, blobs 1,');
  });

  it('prints an object a line, of some types or states only', async () => {
    const { stdout } = await cli([
      'replay',
      '--type',
      'image-removed',
      '--when',
      'images.size() == 0',
      '--format',
      'json',
    ]);
    expect(JSON.parse(stdout)).toMatchObject({
      Event: { Position: 6 },
      Position: 7,
      State: { images: 0, blobs: 1 },
    });
  });
});

describe('replay --step', () => {
  const step = (stdin: string, ...flags: string[]) =>
    cli(['replay', '--step', ...flags], makeConsole({ stdin }));
  /** The position of the event that each command arrived at. */
  const stops = (stdout: string) =>
    stdout
      .split(/^> /m)
      .slice(1)
      .map((part) => /^\S.*?Z (\d+) /m.exec(part)?.[1] ?? /^at (\d+)$/m.exec(part)?.[0]);

  it('goes forward, back, to a place, to an end', async () => {
    const { stdout, exitCode } = await step(
      'next\nn 2\nback\nb 9\n\ngoto 5\nlast\nnext\nfirst\nquit\nnext\n',
    );
    expect(stops(stdout)).toEqual(['0', '2', '1', 'at 0', '0', '4', '7', '7', 'at 0', undefined]);
    expect(stdout).toContain('(this is the last event)');
    expect(exitCode).toBe(0);
  });

  it('breaks on a type and on an expression', async () => {
    const { stdout } = await step("until image-updated\nuntil !('busybox' in images)\nuntil image-created\n");
    expect(stops(stdout)).toEqual(['5', '6', '6']);
    expect(stdout).toContain('(nothing like that comes: image-created)');
  });

  it('shows the state of one thing beside its events, within a stretch', async () => {
    const { stdout } = await step('next\nstate\nlast\nevent\nnext\n', '--subject', 'web', '--from', '3');
    expect(stops(stdout)).toEqual(['3', undefined, '4', undefined, '4']);
    expect(stdout).toContain('    task.state.status: "creating" → "created"\n');
    expect(stdout).toContain('"status": "creating"');
    expect(stdout).toContain('container/default/c0ffee\nprocess created, pid 4711\n');
  });

  it('follows another thing from where it is', async () => {
    const { stdout } = await step('goto 2\nsubject web\nnext\nsubject\nnext\n');
    expect(stops(stdout)).toEqual(['1', '1', '2', '2', '3']);
    expect(stdout).toContain('container/default/c0ffee is not there');
  });

  it('tells what it does not understand, goes on, and fails in the end', async () => {
    const { stdout, stderr, exitCode } = await step(
      'jump\nnext many\nuntil x.\ngoto never\n# a remark\nnext\nhelp\n',
    );
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/no command 'jump'[\s\S]*give a count[\s\S]*can't be used[\s\S]*never/);
    expect(stops(stdout).at(-2)).toBe('0');
    expect(stdout).toMatch(/ {2}until, u TYPE or EXPRESSION +on to the next event of a type/);
  });

  it('is a screen on a terminal, with the event and the state side by side', async () => {
    const console = makeConsole({ tty: true });
    const done = cli(['replay', '--step', '--subject', 'web'], console);
    const shows = async (text: RegExp) => {
      await expect.poll(() => console.stdout.text().split('\x1b[H').at(-1) ?? '').toMatch(text);
    };
    await shows(/before the first event/);
    console.stdin.write('n');
    await shows(/2 {2}container-created.*│/);
    console.stdin.write('u');
    await shows(/until type or expression: █/);
    console.stdin.write('task-crX\x7feated\r');
    await shows(/at 5[\s\S]*4 {2}task-created[\s\S]*│.*"creating" → "created"/);
    console.stdin.write('b');
    await shows(/3 {2}task-create-requested/);
    console.stdin.write('u');
    await shows(/until type/);
    console.stdin.write('x y\r');
    await shows(/can't be used/);
    console.stdin.write('?');
    await shows(/until, u/);
    console.stdin.write('q');
    expect((await done).exitCode).toBe(0);
    expect(console.rawModes).toEqual([true, false]);
    expect(console.stdout.text().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });
});
