import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Content } from '../../src/gen/containerd/services/content/v1/content_pb.ts';
import { Leases } from '../../src/gen/containerd/services/leases/v1/leases_pb.ts';
import { runProgram } from '../support/child.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { containerdClient } from '../support/containerd-client.ts';
import { ContentStream, digestOf } from '../support/content-writer.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { writeLayout } from '../support/oci-layout.ts';
import { file, tarOf } from '../support/tar.ts';

const missing = daemonMissing() ?? missingHere({ root: true, programs: ['ctr', 'containerd'] });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

const hello = digestOf('hello');
const nothing = digestOf('nothing');

interface Said {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const ctr = (address: string, args: readonly string[], input = ''): Promise<Said> => {
  const child = spawn('ctr', ['--address', address, ...args], {
    env: { ...process.env, TZ: 'UTC', EDITOR: 'sed -i s/hello/jello/' },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (bytes: Buffer) => {
    out += bytes.toString();
  });
  child.stderr.on('data', (bytes: Buffer) => {
    err += bytes.toString();
  });
  // A program that ends without reading what it is given is no failure of the test.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
  });
};

/** What differs from one run to the next: times, ages, padding, the order of labels. */
const settled = ({ code, out, err }: Said) => ({
  code,
  out: out
    .replace(/\d{4}-\d\d-\d\dT[\d:]+Z/g, 'TIME')
    .replace(/Less than a second|\d+ seconds?(?: ago)?|About a minute/g, 'AGE')
    .replace(/[ \t]+/g, ' ')
    .replace(/\S+=\S+,\S+/g, (labels) => labels.split(',').sort().join(',')),
  err: err.replace(/^time="[^"]*" /gm, ''),
});

interface Line {
  readonly args: readonly string[];
  readonly input?: string;
}
const line = (text: string, input?: string): Line => ({
  args: text.split(' '),
  ...(input === undefined ? {} : { input }),
});

/** What is said alike on containerd and here. */
const alike: readonly Line[] = [
  line(`content ingest --expected-digest ${hello} --expected-size 5 one`, 'hello'),
  line(`content ingest --expected-digest ${hello} --expected-size 5 one`, 'hello'),
  line('content ls'),
  line('content ls -q'),
  line('content active'),
  line(`content get ${hello}`),
  line(`content get ${nothing}`),
  line('content get bad'),
  line(`content label ${hello} a=b`),
  line('content ls labels.a==b'),
  line('content ls labels.a=='),
  line('content ls labels.a='),
  line(`content label ${hello} a=`),
  line(`content label ${nothing} a=b`),
  line(`content edit ${hello}`),
  line('-n other content ls'),
  line('content prune references'),
  line(`content rm ${hello}`),
  line(`content rm ${hello}`),
  line('content ls'),
  line('leases create --id mine x=y'),
  line('leases create --id mine'),
  line('leases ls'),
  line('leases ls -q'),
  line('leases rm mine'),
  line('leases rm --sync mine'),
  line('images ls'),
  line('images rm nope'),
  line('images label nope a=b'),
  line('images tag nope x'),
];

describe.skipIf(missing !== undefined)(
  `ctr on content, images and leases${suffix}`,
  { timeout: 120_000 },
  () => {
    let host: DaemonHost;
    let containerd: PrivateContainerd;
    let archive: string;
    beforeAll(async () => {
      host = await startHost('ctr-content', { toml: '[gc]\ndelay = "100ms"' });
      containerd = await startContainerd(join(host.directory, 'containerd'));
      const layout = join(host.directory, 'layout');
      await writeLayout(layout, [{ tar: tarOf([file('motd', 'ahoy\n')]) }], { tag: 'example.org/ship:1' });
      archive = join(host.directory, 'image.tar');
      await runProgram('tar', ['-C', layout, '-cf', archive, '.']);
    }, 60_000);
    afterAll(async () => {
      await containerd?.stop();
      await host?.close();
    }, 60_000);

    /** The same line on both. */
    const both = async ({ args, input }: Line) => ({
      ours: settled(await ctr(host.address, args, input)),
      theirs: settled(await ctr(containerd.address, args, input)),
    });

    for (const one of alike) {
      it(`says and ends as on containerd: ctr ${one.args.join(' ').replace(/sha256:(\w{6})\w+/g, '$1')}`, async () => {
        const { ours, theirs } = await both(one);
        expect(ours).toEqual(theirs);
      });
    }

    it('keeps what was wrong under its ref, as containerd does, until it is aborted', async () => {
      const wrong = line(`content ingest --expected-digest ${nothing} wrong`, 'hello');
      const { ours, theirs } = await both(wrong);
      expect([ours.code, theirs.code]).toEqual([1, 1]);
      expect(ours.err).toMatch(/failed commit on ref "wrong".*: failed precondition/);
      const active = await both(line('content active'));
      expect(active.ours.out).toMatch(/^wrong\s+5\s*B/m);
      expect(active.theirs.out).toMatch(/^wrong\s+5\s*B/m);
    });

    it('takes an image in, and names, labels, checks and removes it', async () => {
      const image = 'example.org/ship:1';
      const lines = [
        line(`images import --no-unpack ${archive}`),
        line('images ls -q'),
        line('images ls'),
        line(`images tag ${image} example.org/ship:2`),
        line(`images tag ${image} example.org/ship:2`),
        line(`images tag --force ${image} example.org/ship:2`),
        line(`images label ${image} tier=front`),
        line('images ls labels.tier==front'),
        line(`images label --replace-all ${image} only=this`),
        line('images ls name~=ship'),
        line('content ls'),
        line(`images rm --sync ${image}`),
        line('content ls -q'),
        line('images rm --sync example.org/ship:2'),
      ];
      for (const one of lines) {
        const { ours, theirs } = await both(one);
        expect(ours, one.args.join(' ')).toEqual(theirs);
      }
      expect((await ctr(host.address, ['images', 'ls', '-q'])).out).toBe('');
    });

    it('finds a half-written blob again after the daemon was killed', async () => {
      const before = containerdClient(host.address, Content);
      const stream = new ContentStream(before);
      await stream.stat('half', { total: 5n });
      await stream.write('hel');
      await host.restart('SIGKILL');
      before.close();
      expect((await ctr(host.address, ['content', 'active'])).out).toMatch(/^half\s+3B/m);
      const after = containerdClient(host.address, Content);
      const again = new ContentStream(after);
      expect(await again.stat('half')).toMatchObject({ offset: 3n, digest: digestOf('hel') });
      await again.write('lo', 3);
      expect(await again.commit(5, { expected: hello })).toMatchObject({ digest: hello });
      after.close();
      expect((await ctr(host.address, ['content', 'get', hello])).out).toBe('hello');
    });

    it('moves 200 MB through the socket in memory that stays flat', async () => {
      const leases = containerdClient(host.address, Leases);
      await leases.create({ id: 'large' });
      const content = containerdClient(host.address, Content, { lease: 'large' });
      const piece = Buffer.alloc(4 * 1024 * 1024, 'shiplog ');
      const pieces = 50;
      const before = residentBytes(host.pid);
      let most = before;
      const watch = setInterval(() => {
        most = Math.max(most, residentBytes(host.pid));
      }, 20);
      const stream = new ContentStream(content);
      await stream.stat('large', { total: BigInt(piece.length * pieces) });
      const started = performance.now();
      for (let at = 0; at < pieces; at += 1) await stream.write(piece, at * piece.length);
      const { digest } = await stream.commit(pieces * piece.length);
      const written = performance.now();
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const { data } of content.read({ digest })) {
        hash.update(data);
        bytes += data.length;
      }
      const read = performance.now();
      clearInterval(watch);
      expect(bytes).toBe(piece.length * pieces);
      expect(`sha256:${hash.digest('hex')}`).toBe(digest);
      const figures = {
        writeMBps: Math.round(bytes / 1e3 / (written - started)),
        readMBps: Math.round(bytes / 1e3 / (read - written)),
        grownMB: Math.round((most - before) / 1e6),
      };
      process.stdout.write(`200 MB through the socket: ${JSON.stringify(figures)}\n`);
      expect(figures.grownMB).toBeLessThan(120);
      await leases.delete({ id: 'large', sync: true });
      content.close();
      leases.close();
    });
  },
);

/** Resident memory of a process. */
const residentBytes = (pid: number): number => {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
  return pages * 4096;
};
