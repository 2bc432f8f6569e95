import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox-image.ts';
import { DaemonHost, daemonMissing, type Finished } from '../support/daemon.ts';
import { cutLog, forgeEvent } from '../support/log-forger.ts';
import { writeLayout } from '../support/oci-layout.ts';

/**
 * What an auditor makes of a host's log away from the host: a slice, and copies that were tampered with by somebody who
 * makes checksums and chain right again. With SHIPLOG_RECORDING=FILE the session is written there (`npm run docs:recording`).
 */

const missing = daemonMissing();
const toml = '[tree_heads]\ninterval = "200ms"';
const programs = fileURLToPath(new URL('../../bin/', import.meta.url));

const sizeOf = (note: string): number => Number(note.split('\n')[1]);

describe.skipIf(missing !== undefined)(`an auditor${missing === undefined ? '' : ` (${missing})`}`, () => {
  let host: DaemonHost;
  /** The auditor's folder: public key, heads that were kept, what was copied from the host. */
  let desk: string;
  let vkey: string;
  /** Position of the event that is forged: the creation of container `web`. */
  let created: number;
  /** While the container ran. */
  let then: number;
  const transcript: string[] = [];
  const tell = (text: string) => transcript.push(text, '');

  /** Runs a program where no daemon is, as the auditor types it. */
  const type = (line: string): Finished => {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], {
      cwd: desk,
      encoding: 'utf8',
      env: { PATH: `${programs}:${process.env.PATH}`, SHIPLOG_ADDRESS: `unix://${join(desk, 'none.sock')}` },
    });
    transcript.push('```console', `$ ${line}`, `${stderr}${stdout}`.trimEnd());
    if (status !== 0) transcript.push(`(exit code ${status})`);
    transcript.push('```', '');
    return { code: status ?? -1, out: stdout, err: stderr };
  };
  const keep = (name: string, text: string): void => writeFileSync(join(desk, name), text);
  const copyLog = (name: string, from = host.root): string => {
    const log = join(desk, name);
    rmSync(log, { recursive: true, force: true });
    cpSync(join(from, 'log'), log, { recursive: true });
    return log;
  };

  beforeAll(async () => {
    host = new DaemonHost('slices', { toml });
    desk = join(host.directory, 'desk');
    mkdirSync(desk);
    await host.start();
    const layout = join(host.directory, 'layout');
    await writeLayout(layout, [{ tar: busyboxTar(host.directory) }], {
      config: { Cmd: ['sh'] },
    });
    spawnSync('tar', ['-cf', join(host.directory, 'image.tar'), '-C', layout, '.']);
    await host.ok('import', '-i', join(host.directory, 'image.tar'), '--name', 'shop:1');
    const image = 'shop:1';
    vkey = await host.ok('log', 'key');
    keep('log.vkey', `${vkey}\n`);
    await host.ok(
      '--reason',
      'release 7',
      'run',
      '-d',
      '--name',
      'web',
      '-e',
      'PASSWORD=hunter2',
      image,
      'sleep',
      '600',
    );
    created = Number((await host.events()).findLast((event) => event.type === 'container-created')?.position);
    then = Number(
      JSON.parse(await host.ok('info', '--format', 'json')).LogHead ?? (await host.events()).length,
    );
    keep('monday.note', `${await host.ok('log', 'head', '--fresh')}\n`);
    await host.ok('rm', '-f', 'web');
    await host.ok('gc');
    keep('tuesday.note', `${await host.ok('log', 'head', '--fresh')}\n`);
  }, 120_000);

  afterAll(async () => {
    const path = process.env.SHIPLOG_RECORDING;
    if (path !== undefined && path !== '') {
      mkdirSync(dirname(path), { recursive: true });
      const text = transcript.join('\n').replaceAll(`${desk}/`, '').trimEnd();
      writeFileSync(path, `${text}\n`);
    }
    await host.close();
  }, 60_000);

  it('takes a slice along, and verifies it with the public key alone', async () => {
    const out = join(desk, 'incident.slice');
    const said = await host.ok('log', 'slice', '--from', String(created - 2), '--out', out);
    expect(said).toContain(`Events ${created - 2} to`);
    tell('# A log that was tampered with');
    tell(
      'Recorded by `npm run docs:recording`, which runs `test/e2e/slices.test.ts`: a host logged, its auditor kept its public\n' +
        'key and a signed head of Monday and of Tuesday (`shiplog log key`, `shiplog log head --fresh`), and took a slice of the\n' +
        'log along (`shiplog log slice`). Everything below happens elsewhere, with no daemon.',
    );
    const { code, out: verdict } = type(
      'shiplog-verify incident.slice --key "$(cat log.vkey)" --head tuesday.note',
    );
    expect([code, verdict]).toEqual([
      0,
      expect.stringMatching(/^sound: events .* lead to the head that was kept/),
    ]);
  });

  it('asks the slice what ran then', () => {
    tell('The slice answers as the host would have:');
    const { code, out } = type(`shiplog --bundle incident.slice --key "$(cat log.vkey)" ps -a --at ${then}`);
    expect(code).toBe(0);
    expect(out).toMatch(/web/);
    const now = type('shiplog --bundle incident.slice --key "$(cat log.vkey)" ps -a');
    expect(now.out).not.toMatch(/web/);
    const history = type('shiplog --bundle incident.slice --key "$(cat log.vkey)" history web');
    expect([history.code, history.out]).toEqual([0, expect.stringContaining('release 7')]);
    expect(type('shiplog --bundle incident.slice rm web').err).toContain('nothing can be changed');
  });

  it('says nothing that was left out', async () => {
    const out = join(desk, 'redacted.slice');
    await host.ok(
      'log',
      'slice',
      '--from',
      String(created - 2),
      '--redact',
      'container-created',
      '--out',
      out,
    );
    const { stdout } = spawnSync('gzip', ['-dc'], { input: readFileSync(out), maxBuffer: 1 << 28 });
    expect(stdout.includes('hunter2')).toBe(false);
    tell(
      'Another one, made without what containers were created with (`--redact container-created`), proves as much:',
    );
    const { code, out: said } = type('shiplog-verify redacted.slice --key "$(cat log.vkey)"');
    expect([code, said]).toEqual([0, expect.stringContaining('1 payload was left out')]);
    const inspect = type(`shiplog --bundle redacted.slice ps -a --at ${then}`);
    expect(inspect.out).toMatch(/web/);
  });

  it('finds a slice that was changed', () => {
    const tar = gunzipSync(readFileSync(join(desk, 'incident.slice')));
    tar.write('hunter3', tar.indexOf('hunter2'));
    writeFileSync(join(desk, 'edited.slice'), gzipSync(tar));
    tell('One character of a payload in the slice edited, and packed again:');
    const { code, err } = type('shiplog-verify edited.slice --key "$(cat log.vkey)"');
    expect([code, err]).toEqual([1, expect.stringContaining(`event ${created}: its payload is not`)]);
  });

  describe('with the log of a stopped host', () => {
    let point: number;

    beforeAll(async () => {
      await host.end('SIGTERM');
      copyLog('log');
      // Somebody goes on with a copy of the host as it was, and shows that log in the place of the other.
      const fork = new DaemonHost('fork', { root: join(host.directory, 'fork'), toml });
      cpSync(host.root, fork.root, { recursive: true });
      point = sizeOf(readFileSync(join(host.root, 'log/heads/latest'), 'utf8'));
      await fork.start();
      await fork.ok('log', 'head', '--fresh');
      await fork.end('SIGTERM');
      await host.start();
      await host.ok('gc');
      keep('wednesday.note', `${await host.ok('log', 'head', '--fresh')}\n`);
      await host.end('SIGTERM');
      copyLog('original');
      copyLog('forked', fork.root);
      await fork.close();
    }, 60_000);

    const heads = '--head monday.note --head tuesday.note';
    const verify = (folder: string, kept = heads) =>
      type(`shiplog-verify --log ${folder} --key "$(cat log.vkey)" ${kept}`);

    it('finds one that was left alone sound, and changes nothing', () => {
      tell('## The log of a stopped host');
      tell('A copy of the whole log that nobody touched:');
      const bytes = () =>
        readdirSync(join(desk, 'original'))
          .filter((name) => name.endsWith('.segment'))
          .map((name) => readFileSync(join(desk, 'original', name)));
      const before = bytes();
      const { code, out } = verify('original', `${heads} --head wednesday.note`);
      expect([code, out]).toEqual([0, expect.stringMatching(/^sound: .*signed heads/)]);
      expect(bytes()).toEqual(before);
    });

    it('names the event that was edited, though checksums and chain are right again', () => {
      forgeEvent(copyLog('tampered'), created, 'hunter2', 'hunter3');
      tell(
        `Event ${created} edited, one character, by somebody who knows the format: checksums, hashes and chain are right again.\n` +
          'The hashes beside the log remember what was signed:',
      );
      const { code, err } = verify('tampered');
      expect([code, err]).toEqual([1, expect.stringContaining(`event ${created} is the first that differs`)]);
      for (const name of ['tree', 'heads']) rmSync(join(desk, 'tampered', name), { recursive: true });
      tell('Where these are gone too, the heads that were kept elsewhere tell between which of them:');
      const blind = verify('tampered');
      const stretch = `from position 0 on, below ${sizeOf(readFileSync(join(desk, 'monday.note'), 'utf8'))}`;
      expect([blind.code, blind.err]).toEqual([1, expect.stringContaining(stretch)]);
    });

    it('names the byte and the position where somebody did not know the format', () => {
      const log = copyLog('clumsy');
      const [name = ''] = readdirSync(log).filter((one) => one.endsWith('.segment'));
      const path = join(log, name);
      const bytes = readFileSync(path);
      const at = bytes.indexOf('hunter2');
      bytes.write('hunter3', at);
      writeFileSync(path, bytes);
      tell('The same edit by somebody who did not know the format:');
      const { code, err } = verify('clumsy');
      expect([code, err]).toEqual([
        1,
        expect.stringMatching(/from position \d+ on it is not as it was written/),
      ]);
      const named = Number(/from position (\d+) on/.exec(err)?.[1]);
      expect(named).toBeLessThanOrEqual(created);
      expect(named).toBeGreaterThan(created - 20);
    });

    it('names the first position that is missing where the end was cut off', () => {
      const left = cutLog(copyLog('cut'), created + 3);
      tell('The end cut off:');
      const { code, err } = verify('cut');
      expect([code, err]).toEqual([1, expect.stringContaining(`it ends before position ${left}`)]);
    });

    it('names where a fork begins', () => {
      const log = readFileSync(join(desk, 'forked', 'heads', 'latest'), 'utf8');
      expect(sizeOf(log)).toBeGreaterThan(point);
      tell(
        'A copy of the host was started, and its log is shown in the place of the real one. It has its own heads, signed with\n' +
          "the host's key, and is sound by itself; Wednesday's head is of the real one:",
      );
      expect(verify('forked').code).toBe(0);
      const { code, err } = verify('forked', `${heads} --head wednesday.note`);
      expect(code).toBe(1);
      const kept = sizeOf(readFileSync(join(desk, 'tuesday.note'), 'utf8'));
      expect(err).toMatch(/is the first that differs|from position \d+ on|cut short/);
      const named = Number(/(?:event|position) (\d+)/.exec(err)?.[1]);
      expect(named).toBeGreaterThanOrEqual(kept);
      expect(named).toBeLessThanOrEqual(point + 2);
    });

    it('proves nothing with another key', () => {
      keep('other.vkey', 'shiplog/x+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n');
      const { code, err } = type('shiplog-verify --log original --key "$(cat other.vkey)"');
      expect([code === 0, err]).toEqual([false, expect.stringMatching(/key/)]);
      expect(type('shiplog-verify incident.slice').code).toBe(2);
    });
  });
});
