import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/adapters/cli/run.ts';
import { openPast } from '../../src/bundle.ts';
import { makeConsole } from '../support/fake-daemon.ts';
import { because, creation, fill, noteOf } from '../support/kept-log.ts';
import { at, memoryFolder } from '../support/log-events.ts';
import { openSliceHost, type SliceHost } from '../support/slice-host.ts';
import { makeTempDir } from '../support/temp-dir.ts';

/** The command line asks a slice, or a copied log, where no daemon is. */

const temp = makeTempDir('bundle', memoryFolder);
let host: SliceHost;
let slice: string;

const shiplog = async (...argv: readonly string[]) => {
  const console = makeConsole();
  const code = await run(argv, console, { openPast });
  return { code, out: console.stdout.text(), err: console.stderr.text() };
};
const scratches = (): string[] => readdirSync(tmpdir()).filter((name) => /^shiplog-\w{6}$/.test(name));
const namesIn = (out: string): string[] => out.split('\n').filter((name) => name.startsWith('team-'));

beforeAll(async () => {
  host = await openSliceHost(temp.path);
  await fill(host, 0, 20);
  slice = await host.save('a.slice', { from: { position: at(8) }, to: { position: at(16) } });
});
afterAll(async () => {
  await host.close();
  temp.remove();
});

const list = ['namespaces', '--format', '{{.Name}}'];

describe('a slice', () => {
  it('answers for its end, and for any moment in it', async () => {
    const end = await shiplog('--bundle', slice, '--key', host.vkey, ...list);
    expect(end.err).not.toContain('--key');
    expect(namesIn(end.out)).toHaveLength(14);
    const then = await shiplog('--bundle', slice, '--key', host.vkey, ...list, '--at', '10');
    expect(namesIn(then.out)).toHaveLength(8);
  });

  it('says what nothing vouches for', async () => {
    const { err } = await shiplog('--bundle', slice, ...list);
    expect(err).toContain('give the public key with --key');
    expect(err).toContain('the state before position 8 is what the maker of the slice says');
  });

  it('tells of its events, and of what changed', async () => {
    const { out } = await shiplog(
      '--bundle',
      slice,
      'events',
      '--all-namespaces',
      '--format',
      '{{.Position}} {{.Type}}',
    );
    expect(out.split('\n').slice(0, 2)).toEqual(['8 namespace-created', '9 namespace-created']);
    expect(out.trim().split('\n')).toHaveLength(8);
    const diff = await shiplog('--bundle', slice, 'diff', '9', '10');
    expect([diff.code, diff.out]).toEqual([0, expect.stringContaining('team-7')]);
    const bisect = await shiplog('--bundle', slice, 'bisect', 'position > 12');
    expect([bisect.code, bisect.out]).toEqual([0, expect.stringContaining('namespace-created')]);
  });

  it('says of itself what a log says of its host', async () => {
    const { out, code } = await shiplog('--bundle', slice, 'info', '--format', 'json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ HostId: 'h', Root: slice });
  });

  it('knows nothing of before and after', async () => {
    const before = await shiplog('--bundle', slice, ...list, '--at', '7');
    expect([before.code, before.err]).toEqual([1, expect.stringContaining('below the horizon')]);
    const after = await shiplog('--bundle', slice, ...list, '--at', '17');
    expect([after.code, after.err]).toEqual([1, expect.stringContaining('is to come')]);
  });

  it.each([
    ['run', 'busybox', 'true'],
    ['rm', 'web'],
    ['gc'],
    ['pull', 'busybox'],
    ['verify'],
    ['log', 'head'],
    ['log', 'redact', '9', '--field', 'labels.note', '--reason', 'x'],
  ])('refuses what only a host can do: %s', async (...argv) => {
    const { code, err } = await shiplog('--bundle', slice, ...argv);
    expect(err).toContain('nothing can be changed or run');
    expect(code).not.toBe(0);
  });

  it('shows stand-ins where payloads were left out, and no word of what they said', async () => {
    const path = await host.save('redacted.slice', {
      from: { position: at(8) },
      redact: ['namespace-created'],
    });
    const { out, err, code } = await shiplog(
      '--bundle',
      path,
      '--key',
      host.vkey,
      'namespaces',
      '--format',
      'json',
    );
    expect(code).toBe(0);
    expect(out).toContain('team-3');
    expect(out).not.toContain('secret words');
    expect(err).toContain('payloads were left out');
    expect((await shiplog('--bundle', slice, 'namespaces', '--format', 'json')).out).toContain(noteOf(3));
  });

  it('is not opened where it is not sound, or of another key', async () => {
    const other = await openSliceHost(join(temp.path, 'other'));
    const { code, err } = await shiplog('--bundle', slice, '--key', other.vkey, 'ps');
    expect([code, err]).toEqual([1, expect.stringContaining('not a key that was given')]);
    await other.close();
    const text = await shiplog(
      '--bundle',
      join(temp.path, 'keys', readdirSync(join(temp.path, 'keys'))[0] ?? ''),
      'ps',
    );
    expect([text.code, text.err]).toEqual([1, expect.stringContaining('no slice')]);
  });

  it('leaves nothing behind', async () => {
    const before = scratches();
    await shiplog('--bundle', slice, ...list);
    await shiplog('--bundle', join(temp.path, 'none'), ...list);
    expect(scratches()).toEqual(before);
  });
});

describe('the folder of a log', () => {
  it('answers as it is on disk, and stays as it is', async () => {
    await host.ledger.dispatch([creation(99)], because);
    const folder = join(temp.path, 'log');
    const bytes = () =>
      readdirSync(folder)
        .filter((name) => name.endsWith('.segment'))
        .map((name) => readFileSync(join(folder, name)));
    const before = bytes();
    const { out, code, err } = await shiplog('--log-dir', folder, ...list);
    expect(code).toBe(0);
    expect(namesIn(out)).toContain('team-99');
    expect(err).toContain('signatures were not checked');
    expect(bytes()).toEqual(before);
  });

  it('is said to be none where it is not', async () => {
    const { code, err } = await shiplog('--log-dir', temp.path, 'ps');
    expect([code, err]).toEqual([1, expect.stringContaining('holds no files of a log')]);
  });
});
