import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type PrivateContainerd, startContainerd } from '../support/containerd.ts';
import { type CtrLine, ctrScenario } from '../support/ctr-scenario.ts';
import { DaemonHost, daemonMissing, type Finished } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { newerProgram } from '../support/newer-debian.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

const run = (
  program: string,
  args: readonly string[],
  { input = '', stopAfter = 60_000 }: Pick<CtrLine, 'input' | 'stopAfter'> = {},
): Promise<Finished> => {
  const child = spawn(program, args, { env: { ...process.env, TZ: 'UTC', EDITOR: 'sed -i s/sh/SH/' } });
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
  const late = setTimeout(() => child.kill('SIGTERM'), stopAfter);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(late);
      resolve({ code: code ?? -1, out, err: signal === null ? err : `${err}ended by ${signal}` });
    });
  });
};

/** Words of a line, of which `"…"` is one. */
const words = (text: string): readonly string[] =>
  [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');

/** Subcommands of a command, by their first names, as its help lists them. */
const subcommands = async (ctr: string, path: readonly string[]): Promise<readonly string[]> => {
  const { out } = await run(ctr, [...path, '--help']);
  const [, listed = ''] = /COMMANDS:\n([\s\S]*?)\n\s*\n?(?:[A-Z ]+OPTIONS|OPTIONS):/.exec(out) ?? [];
  return listed
    .split('\n')
    .map((row) => /^ {3}([a-z-]+)/.exec(row)?.[1] ?? '')
    .filter((name) => name !== '' && name !== 'help');
};

/** All that can be called, as `images pull`. */
const leaves = async (ctr: string, path: readonly string[] = []): Promise<readonly string[]> => {
  const below = await subcommands(ctr, path);
  if (below.length === 0) return [path.join(' ')];
  return (await Promise.all(below.map((name) => leaves(ctr, [...path, name])))).flat();
};

interface Side {
  readonly address: string;
  readonly namespace: string;
  /** Paths that only this side has, by what stands for them in the comparison. */
  readonly paths: readonly (readonly [string, string])[];
  readonly directory: string;
}

/** What changes from run to run and from side to side: times, speeds, numbers of processes, paths. */
const settled = ({ code, out, err }: Finished, side: Side, { args }: CtrLine) => {
  const plain = (text: string): string =>
    side.paths
      .reduce((known, [path, name]) => known.replaceAll(path, name), text)
      .replaceAll(side.namespace, 'NS')
      .replace(/snapshots\/[0-9a-z]+\//g, 'snapshots/ID/')
      .replace(/\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z| \+0000 UTC)/g, 'TIME')
      .replace(/time="[^"]*"/g, 'TIME')
      .replace(/\b[\d.]+m?s\b/g, 'TIME')
      .replace(/Less than a second|\d+ seconds?(?: ago)?|About a minute(?: ago)?/g, 'AGE')
      // Of a progress that is drawn again and again, what it came to.
      .replace(/^[\s\S]*elapsed:.*\n(?=[\s\S]*elapsed:)/, '')
      .replace(/elapsed:.*/, 'PROGRESS')
      .replace(/:\s+exists\b/g, ': done')
      .replace(/.*context canceled.*\n/g, '')
      .replace(/(?<="uuid": ")[^"]+|(?<="pid": )\d+|(?<=containerd\/s\/)[0-9a-f]+/g, 'ID')
      .replace(/^[\s\S]*PROGRESS/, (frame) =>
        frame
          .split('\n')
          .map((row) => row.trim())
          .filter((row) => row !== '')
          .sort()
          .join('\n'),
      )
      .replace(/fifo\/\d+/g, 'fifo/N')
      // There may be none of it.
      .replace(/(?<=memory\.stat\.cache +)\d+/g, 'N')
      .replace(/^(?:tasks|shim|run) /.test(args) ? /\b\d{2,}\b/g : /(?!)/g, 'N')
      .replace(/(?<=percpu +\[)[N\d ]+/, 'N')
      .replace(/\S+=\S+,\S+/g, (labels) => labels.split(',').sort().join(','))
      .replace(/[ \t]+/g, ' ');
  return { code, out: plain(out), err: plain(err) };
};

interface Tried {
  readonly line: CtrLine;
  readonly same: boolean;
  /** Why it differs, or was compared in part. */
  readonly why: string;
}

const table = (tried: readonly Tried[], all: readonly string[]): string => {
  const rows = all.map((name) => {
    const here = tried.filter(({ line: { args, of } }) => of === name || `${args} `.startsWith(`${name} `));
    const said = here.length === 0 ? 'not tried' : here.every(({ same }) => same) ? 'same' : 'differs';
    const why = [...new Set(here.map((one) => one.why))].filter((one) => one !== '').join('; ');
    return `| \`ctr ${name}\` | ${here.length} | ${said} | ${why} |`;
  });
  const head = ['| Command | Lines tried | Exit code and output | Why |', '| --- | --- | --- | --- |'];
  return [...head, ...rows].join('\n');
};

interface Release {
  readonly name: string;
  readonly major: number;
  readonly ctr: string | undefined;
  readonly containerd: string | undefined;
}

/** Debian 12's, and its newest. */
const releases: readonly Release[] = [
  { name: 'ctr 1.6', major: 1, ctr: 'ctr', containerd: '/usr/bin/containerd' },
  { name: 'ctr 2', major: 2, ctr: newerProgram('ctr'), containerd: newerProgram('containerd') },
];

const everySubcommand = ({ name: release, major, ctr = '', containerd: daemon = '' }: Release) => {
  // The shim that comes with the release.
  const env = { PATH: `${dirname(daemon)}:${process.env.PATH}` };
  const host = new DaemonHost('ctr-every', { env });
  let containerd: PrivateContainerd;
  let registry: RegistryServer;
  const values = new Map<string, string>();
  const tried: Tried[] = [];
  let sides: readonly [Side, Side];

  beforeAll(async () => {
    const registryDirectory = join(host.directory, 'registry');
    mkdirSync(registryDirectory);
    [containerd, registry] = await Promise.all([
      startContainerd(join(host.directory, 'containerd'), { programs: { ctr, containerd: daemon }, env }),
      startRegistry(registryDirectory),
      host.start(),
    ]);
    const layout = await busyboxLayout(host.directory);
    const image = `${registry.host}/busybox:1`;
    await pushLayout(layout, image);
    values.set('image', image);
    const side = (name: string, address: string, snapshots: string, state: string): Side => {
      const directory = join(host.directory, name);
      mkdirSync(join(directory, 'mnt'), { recursive: true });
      writeFileSync(
        join(directory, 'pod.json'),
        JSON.stringify({ metadata: { name: 'box', namespace: 'default' } }),
      );
      return {
        address,
        directory,
        namespace: `${name}-${process.pid}`,
        paths: [
          [snapshots, 'SNAPSHOTS'],
          [state, 'STATE'],
          [directory, 'DIR'],
          [address, 'SOCKET'],
        ],
      };
    };
    sides = [
      side('ours', host.address, join(host.root, 'overlayfs'), host.state),
      side(
        'them',
        containerd.address,
        containerd.snapshots.replace(/\/snapshots$/, ''),
        join(host.directory, 'containerd', 'state'),
      ),
    ];
  }, 120_000);
  afterAll(async () => {
    for (const { address, namespace } of sides ?? []) {
      const { out } = await run(ctr, ['-a', address, '-n', namespace, 'tasks', 'ls', '-q']);
      for (const id of out.split('\n').filter((word) => word !== '')) {
        await run(ctr, ['-a', address, '-n', namespace, 'tasks', 'rm', '-f', id]);
      }
    }
    await containerd?.stop();
    await registry?.stop();
    await host.close();
  });

  const whyFor = (why: CtrLine['differs']): string =>
    typeof why === 'object' ? (major === 2 ? why[2] : '') : (why ?? '');

  const on = (side: Side, line: CtrLine): Promise<Finished> => {
    const filled = words(line.args).map((word) =>
      word.replace(/\{(\w+)\}/g, (_, name: string) =>
        name === 'dir' ? side.directory : (values.get(name) ?? ''),
      ),
    );
    return run(ctr, ['-a', side.address, '-n', side.namespace, ...filled], line);
  };

  /** The digests that later lines name, once the image is there. */
  const learn = async (): Promise<void> => {
    const [ours] = sides;
    const manifest =
      (await on(ours, { args: 'images list name=={image}' })).out.match(/sha256:[0-9a-f]{64}/)?.[0] ?? '';
    values.set('manifest', manifest);
    const document = JSON.parse((await on(ours, { args: `content get ${manifest}` })).out);
    values.set('config', document.config.digest);
    values.set('layer', document.layers[0].digest);
    const config = JSON.parse((await on(ours, { args: 'content get {config}' })).out);
    values.set('chain', config.rootfs.diff_ids[0]);
  };

  it('says the same, but where it is known to differ', async () => {
    const surprises: unknown[] = [];
    for (const line of ctrScenario) {
      if ((line.since ?? 1) > major) continue;
      if (line.args.includes('{') && !line.args.includes('{image}') && !values.has('manifest')) await learn();
      const [ours, theirs] = await Promise.all(
        sides.map(async (side) => settled(await on(side, line), side, line)),
      );
      const differs = whyFor(line.differs);
      const codeOnly = whyFor(line.codeOnly);
      const same = codeOnly === '' ? isDeepStrictEqual(ours, theirs) : ours?.code === theirs?.code;
      tried.push({ line, same, why: codeOnly === '' ? differs : `exit code only: ${codeOnly}` });
      if (same !== (differs === '')) surprises.push({ line: line.args, ours, theirs });
    }
    expect(surprises).toEqual([]);
  }, 300_000);

  it('leaves no subcommand out, and tells in docs/compatibility.md what was found', async () => {
    const all = await leaves(ctr);
    expect(all.length).toBeGreaterThan(60);
    const page = new URL('../../docs/compatibility.md', import.meta.url).pathname;
    const [begin, end] = [`<!-- ${release} -->`, `<!-- /${release} -->`];
    const [before = '', there = ''] = readFileSync(page, 'utf8').split(begin);
    const after = there.split(end)[1] ?? '';
    await expect(`${before}${begin}\n\n${table(tried, all)}\n\n${end}${after}`).toMatchFileSnapshot(page);
  });
};

for (const release of releases) {
  const missing =
    daemonMissing() ??
    missingHere({ root: true, programs: ['ctr', 'containerd', 'docker-registry', 'skopeo', 'umount'] }) ??
    (release.ctr === undefined || release.containerd === undefined
      ? 'needs containerd of a newer Debian: npm run setup'
      : undefined);
  describe.skipIf(missing !== undefined)(
    `every subcommand of ${release.name}, on Shiplog and containerd${missing === undefined ? '' : ` (skipped: ${missing})`}`,
    () => everySubcommand(release),
  );
}
