import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkProof } from '../../src/tlog/document.ts';
import { dataOf } from '../../src/tlog/event-record.ts';
import { parseVerifier } from '../../src/tlog/key.ts';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';

const missing = daemonMissing();
const secret = 'hunter2-hunter2-hunter2';
const toml = '[tree_heads]\ninterval = "200ms"\n[event_log]\nsegment_bytes = 1048576';

interface Row {
  readonly Position: number;
  readonly Type: string;
  readonly Data: unknown;
}

/** Whether a file holds a text; none that goes meanwhile does. */
const holds = (path: string, text: string): boolean => {
  try {
    return statSync(path).isFile() && readFileSync(path).includes(text);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
};

describe.skipIf(missing !== undefined)('what is kept of the log', { timeout: 120_000 }, () => {
  let host: DaemonHost;
  let archive: string;
  /** Position of the event that names a container with a password in its environment. */
  let created = '';
  let proof = '';

  const rows = async (...args: string[]): Promise<readonly Row[]> =>
    (await host.ok('events', '--all-namespaces', '--format', 'json', ...args))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Row);

  /** Containers whose records are large, so that files of the log fill up. */
  const fillFiles = async (count: number): Promise<void> => {
    const words = Array.from({ length: 8 }, (_, n) => ['-e', `WORDS_${n}=${'word '.repeat(12_000)}`]).flat();
    for (let n = 0; n < count; n += 1) await host.ok('create', ...words, 'example.org/busybox:1');
  };

  /** Everything in the daemon's folder that holds some bytes. */
  const filesWith = (text: string): readonly string[] =>
    readdirSync(host.root, { recursive: true, encoding: 'utf8' }).filter((name) =>
      holds(join(host.root, name), text),
    );

  beforeAll(async () => {
    host = await startHost('keeping', { toml });
    archive = join(host.directory, 'cold');
    await busyboxLayout(host.directory);
    const tar = join(host.directory, 'busybox.tar');
    execFileSync('tar', ['-C', join(host.directory, 'layout'), '-cf', tar, '.']);
    await host.ok('import', '--name', 'example.org/busybox:1', tar);
    await host.ok('create', '--name', 'web', '-e', `PASSWORD=${secret}`, 'example.org/busybox:1');
    created = String((await rows()).findLast(({ Type }) => Type === 'container-created')?.Position);
    await fillFiles(6);
    await host.ok('log', 'head', '--fresh');
    proof = await host.ok('log', 'prove', created);
  }, 120_000);
  afterAll(() => host.close());

  it('loses a password that came in by mistake, and says who took it out and why', async () => {
    expect(await host.ok('inspect', 'web')).toContain(secret);
    expect(filesWith(secret)).not.toEqual([]);
    const env = `config.process.env.${await placeOf(secret)}`;
    await host.ok('log', 'redact', created, '--field', env, '--reason', 'a password');
    expect(await host.ok('inspect', 'web')).toContain('PASSWORD=[redacted]');
    expect(JSON.stringify(await rows())).not.toContain(secret);
    expect(filesWith(secret)).toEqual([]);
    const record = (await rows()).findLast(({ Type }) => Type === 'payload-redacted');
    expect(record).toMatchObject({ Data: { position: created, redacts: 'container-created' } });
    expect(
      await host.ok('history', 'web', '--at', created).catch((error: Error) => error.message),
    ).not.toContain(secret);
  });

  const placeOf = async (text: string): Promise<number> => {
    const event = (await rows()).find(({ Position }) => String(Position) === created);
    const data = event?.Data as { config: { process: { env: string[] } } } | undefined;
    return (data?.config.process.env ?? []).findIndex((one) => one.includes(text));
  };

  it('still is what was signed: the proof from before, and the whole log', async () => {
    const keys = [parseVerifier(await host.ok('log', 'key'))];
    const [before, after] = [proof, await host.ok('log', 'prove', created)].map((text) =>
      checkProof(text, keys),
    );
    if (before?.kind !== 'event' || after?.kind !== 'event') throw new Error('not proofs of an event');
    expect(after.record).toEqual(before.record);
    expect(dataOf(before.record, before.data)).toContain(secret);
    expect(dataOf(after.record, after.data)).toBeUndefined();
    expect(await host.ok('log', 'verify')).toMatch(/checksums, chain and hashes/);
  });

  it('wants a reason, and keeps what identifies things', async () => {
    const field = ['--field', 'config.process.args'];
    expect(await host.shiplog(['log', 'redact', created, ...field])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no reason was given; say why with --reason TEXT/),
    });
    expect(await host.shiplog(['log', 'redact', created, '--field', 'id', '--reason', 'x'])).toMatchObject({
      err: expect.stringMatching(/redact \/id: this tells things apart/),
    });
  });

  it('is archived, and pruned behind a signed head', async () => {
    const before = await host.ok('info', '--format', 'json');
    const end = String((JSON.parse(before) as { Events: number }).Events);
    const refused = await host.shiplog(['log', 'prune', '--before', end, '--reason', 'rule 7']);
    expect(refused.err).toMatch(/no archive has the file of position 0 as it is now/);
    await host.ok('log', 'archive', '--to', archive);
    expect(readdirSync(archive)).toContain('manifest.json');
    const horizon = await host.ok('log', 'prune', '--before', end, '--reason', 'rule 7', '-q');
    expect(Number(horizon)).toBeGreaterThan(Number(created));
    expect((await rows())[0]?.Position).toBe(Number(horizon));
    expect((await host.shiplog(['events', '--from', '0'])).err).toContain(`archived in ${archive}`);
    expect((await host.shiplog(['ps', '-a', '--at', '0'])).err).toContain(`begins at position ${horizon}`);
    expect(await host.ok('ps', '-a')).toContain('web');
    expect(await host.ok('log', 'verify')).toMatch(/checksums, chain and hashes/);
  });

  it('goes on after a kill, from its horizon', async () => {
    const [first] = await rows();
    await host.restart('SIGKILL');
    expect((await rows())[0]?.Position).toBe(first?.Position);
    expect(await host.ok('inspect', 'web')).toContain('PASSWORD=[redacted]');
    expect(await host.ok('log', 'verify')).toMatch(/checksums, chain and hashes/);
    await host.ok('rm', 'web');
    expect(await host.ok('ps', '-aq', '--filter', 'name=web')).toBe('');
  });

  it('is restored from the archive, and stays so', async () => {
    expect((await host.shiplog(['history', 'example.org/busybox:1'])).err).toContain(
      `archived in ${archive}`,
    );
    await host.ok('log', 'restore', '--from', archive);
    expect((await rows())[0]?.Position).toBe(0);
    await host.restart('SIGKILL');
    expect((await rows())[0]?.Position).toBe(0);
    expect(await host.ok('ps', '-a', '--at', String(Number(created) + 1))).toContain('web');
    expect(filesWith(secret)).toEqual([]);
    expect(await host.shiplog(['history', 'example.org/busybox:1'])).toMatchObject({ code: 0, err: '' });
    const keys = [parseVerifier(await host.ok('log', 'key'))];
    expect(checkProof(await host.ok('log', 'prove', '0'), keys).kind).toBe('event');
    expect(await host.ok('log', 'verify')).toMatch(/replay from the start\n.*signed heads/);
  });

  it('keeps what was said to be secret out from the start', async () => {
    await host.ok('create', '--name', 'vault', '--secret-env', `TOKEN=${secret}-2`, 'example.org/busybox:1');
    expect(JSON.stringify(await rows())).not.toContain(`${secret}-2`);
    expect(
      filesWith(`${secret}-2`).filter((name) => name.startsWith('log/') || name.startsWith('checkpoints/')),
    ).toEqual([]);
  });
});
