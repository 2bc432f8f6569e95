import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkProof } from '../../src/tlog/document.ts';
import { dataOf } from '../../src/tlog/event-record.ts';
import { leafHash } from '../../src/tlog/hash.ts';
import { parseVerifier } from '../../src/tlog/key.ts';
import { openNote } from '../../src/tlog/note.ts';
import { decodeBundle } from '../../src/tlog/tile.ts';
import { DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { cutLog, forgeEvent } from '../support/log-forger.ts';

const toml = '[tree_heads]\ninterval = "200ms"';

/** What an auditor needs of a head that was printed: how many events it is of. */
const sizeOf = (note: string): number => Number(note.split('\n')[1]);

describe.skipIf(daemonMissing() !== undefined)('what the log proves', () => {
  let host: DaemonHost;
  /** Kept by the auditor: two heads, and the first public key. */
  let early: string;
  let late: string;
  let vkey: string;
  /** Position of a key rotation between the two. */
  let forged: number;

  const kept = (name: string, text: string): string => {
    const path = join(host.directory, name);
    writeFileSync(path, text);
    return path;
  };

  beforeAll(async () => {
    host = await startHost('proofs', { toml });
    vkey = await host.ok('log', 'key');
    early = `${await host.ok('log', 'head', '--fresh')}\n`;
    await host.ok('log', 'key', 'rotate', '--reason', 'yearly');
    const rotated = (await host.events()).findLast(({ type }) => type === 'signing-key-rotated');
    forged = Number(rotated?.position);
    await host.ok('gc');
    late = `${await host.ok('log', 'head', '--fresh')}\n`;
  }, 60_000);
  afterAll(() => host.close());

  it('proves an event to whoever has the public key', async () => {
    const keys = (await host.ok('log', 'key', '--all')).split('\n');
    expect(keys).toHaveLength(2);
    expect(keys[0]).toBe(vkey);
    const proven = checkProof(await host.ok('log', 'prove', String(forged)), keys.map(parseVerifier));
    if (proven.kind !== 'event') throw new Error('not a proof of an event');
    expect(JSON.parse(proven.record.head)).toMatchObject({
      type: 'signing-key-rotated',
      meta: { reason: 'yearly', actor: { uid: 0 } },
    });
    expect(JSON.parse(dataOf(proven.record, proven.data) ?? '')).toEqual({ from: vkey, to: keys[1] });
  });

  it('signs the head after a rotation with both keys', async () => {
    const [old, next = ''] = (await host.ok('log', 'key', '--all')).split('\n');
    const heads = (await host.ok('log', 'head', '--all', '--format', 'json'))
      .split('\n')
      .map((line) => String(JSON.parse(line).Note));
    const both = heads.filter(
      (note) => openNote(note, [parseVerifier(vkey), parseVerifier(next)]).verified.length === 2,
    );
    expect(both).toHaveLength(1);
    expect(openNote(late, [parseVerifier(next)]).unverified).toEqual([]);
    expect(old).toBe(vkey);
    expect(() => statSync(join(host.root, 'keys', `${vkey.split('+')[1]}.key`))).toThrow('ENOENT');
    expect(statSync(join(host.root, 'keys', `${next.split('+')[1]}.key`)).mode & 0o777).toBe(0o600);
  });

  it('proves that the log only grew', async () => {
    const out = join(host.directory, 'grew.proof');
    await host.ok('log', 'prove', '--consistency', String(sizeOf(early)), String(sizeOf(late)), '--out', out);
    const keys = (await host.ok('log', 'key', '--all')).split('\n').map(parseVerifier);
    expect(checkProof(readFileSync(out, 'utf8'), keys)).toMatchObject({
      older: { size: sizeOf(early) },
      newer: { size: sizeOf(late) },
    });
  });

  it('writes a folder for tools that read transparency logs', async () => {
    const out = join(host.directory, 'tiles');
    await host.ok('log', 'tiles', '--out', out);
    const size = sizeOf(readFileSync(join(out, 'checkpoint'), 'utf8'));
    const hashes = readFileSync(join(out, `tile/0/000.p/${size}`));
    const entries = decodeBundle(readFileSync(join(out, `tile/entries/000.p/${size}`)));
    expect(Buffer.concat(entries.map(leafHash))).toEqual(hashes);
  });

  it('never says the private key', async () => {
    const [, next = ''] = (await host.ok('log', 'key', '--all')).split('\n');
    const file = readFileSync(join(host.root, 'keys', `${next.split('+')[1]}.key`), 'utf8').trim();
    // PRIVATE+KEY+NAME+ID+BASE64, in which there may be more of the same sign.
    const secret = file.split('+').slice(4).join('+');
    expect(secret.length).toBeGreaterThan(40);
    expect(host.said).not.toContain(secret);
    expect(JSON.stringify((await host.events()).map(({ data }) => data))).not.toContain(secret);
  });

  describe('against a head that was kept elsewhere', () => {
    let original: string;

    beforeAll(async () => {
      await host.end('SIGTERM');
      original = join(host.directory, 'original');
      cpSync(host.root, original, { recursive: true });
    });

    /** A daemon on a forged copy of the log, and what `log verify` says there. */
    const verified = async (forge: (log: string) => void, ...flags: readonly string[]) => {
      const root = join(host.directory, 'copy');
      rmSync(root, { recursive: true, force: true });
      cpSync(original, root, { recursive: true });
      forge(join(root, 'log'));
      const copy = new DaemonHost('forged', { root, toml });
      try {
        await copy.start();
        return { ...(await copy.shiplog(['log', 'verify', ...flags])), said: copy.said };
      } finally {
        await copy.close();
      }
    };
    const heads = () => ['--head', kept('early.note', early), '--head', kept('late.note', late)];

    it('finds a log that was left alone sound', async () => {
      const { code, out } = await verified(() => undefined, ...heads());
      expect(out).toMatch(/has the root of each of \d+ signed heads/);
      expect(code).toBe(0);
    });

    it('names the event that was edited, though checksums and chain are right again', async () => {
      const { code, err } = await verified(
        (log) => forgeEvent(log, forged, 'shiplog/', 'shipl0g/'),
        ...heads(),
      );
      expect(err).toContain(`event ${forged} is the first that differs`);
      expect(code).toBe(1);
    });

    it('names the stretch, where the tree and the heads beside the log were forged too', async () => {
      const { code, err } = await verified(
        (log) => {
          forgeEvent(log, forged, 'shiplog/', 'shipl0g/');
          for (const name of ['tree', 'heads']) rmSync(join(log, name), { recursive: true });
        },
        ...heads(),
      );
      expect(err).toContain(`from position ${sizeOf(early)} on, below ${sizeOf(late)}`);
      expect(code).toBe(1);
    });

    it('names where the log was cut, and the daemon signs no more', async () => {
      let left = 0;
      const { code, err, said } = await verified(
        (log) => {
          // The event after the rotation, so that the log still names the key of the later head.
          left = cutLog(log, forged + 1);
        },
        ...heads(),
      );
      expect(left).toBeGreaterThan(0);
      expect(err).toMatch(/the log was cut short|is the first that differs|from position/);
      expect(code).toBe(1);
      expect(said).toContain('log-shorter');
    });

    it('names where a fork begins', async () => {
      const point = sizeOf(readFileSync(join(original, 'log/heads/latest'), 'utf8'));
      const other = new DaemonHost('fork', { root: join(host.directory, 'fork'), toml });
      cpSync(original, other.root, { recursive: true });
      await other.start();
      const head = `${await other.ok('log', 'head', '--fresh')}\n`;
      await other.close();
      const latest = readFileSync(join(original, 'log/heads/latest'), 'utf8');
      const flags = ['--head', kept('point.note', latest), '--head', kept('fork.note', head)];
      const { code, err } = await verified(() => undefined, ...flags);
      expect(err).toContain(`from position ${point} on, below ${sizeOf(head)}`);
      expect(code).toBe(1);
    });

    it('takes no head of a key that is not trusted', async () => {
      const stranger = 'shiplog/x+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
      const { code, err } = await verified(() => undefined, ...heads(), '--key', stranger);
      expect(err).toContain('not a public key');
      expect(code).not.toBe(0);
    });

    it('says that the key is gone, and begins anew only when told', async () => {
      const copy = new DaemonHost('keyless', { root: join(host.directory, 'keyless'), toml });
      cpSync(original, copy.root, { recursive: true });
      rmSync(join(copy.root, 'keys'), { recursive: true });
      try {
        await copy.start();
        expect(copy.said).toContain('key-missing');
        expect((await copy.shiplog(['log', 'key'])).code).toBe(1);
        expect((await copy.shiplog(['log', 'head', '--fresh'])).err).toContain('not signed (key-missing)');
        expect((await copy.shiplog(['log', 'key', 'rotate'])).err).toContain('log key replace');
        expect(await copy.ok('log', 'key', 'replace')).toMatch(/^shiplog\/\w+\/3\+/);
        expect(await copy.ok('log', 'head', '--fresh')).toMatch(/^shiplog\/\w+\/3\n/);
        expect((await copy.shiplog(['log', 'verify'])).code).toBe(0);
      } finally {
        await copy.close();
      }
    });
  });
});
