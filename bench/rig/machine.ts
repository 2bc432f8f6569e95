import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { z } from 'zod';
import { median } from './statistics.ts';

/** What figures were taken on, and how fast that was on the day. */
export const Machine = z.strictObject({
  cpu: z.string(),
  cores: z.number(),
  /** In 10^9 bytes. */
  memoryGB: z.number(),
  kernel: z.string(),
  system: z.string(),
  /** Version by program; programs that are not there are left out. */
  versions: z.record(z.string(), z.string()),
  /** Events of some 400 bytes that JSON.parse takes a second. */
  jsonParse: z.number(),
  /** Milliseconds of `node -e 0`. */
  nodeStart: z.number(),
});
export type Machine = z.infer<typeof Machine>;

/** What is run beside ours or below it, and how each is asked for its version. */
const programs: Readonly<Record<string, readonly string[]>> = {
  containerd: ['--version'],
  podman: ['--version'],
  runc: ['--version'],
  crun: ['--version'],
  conmon: ['--version'],
  igzip: ['--version'],
};

const versionOf = (file: string, args: readonly string[]): string | undefined => {
  const { status, stdout } = spawnSync(file, args, { encoding: 'utf8', timeout: 5000 });
  return status === 0 ? /\b\d+\.\d+(?:\.\d+)?\b/.exec(stdout)?.[0] : undefined;
};

const systemName = (): string => {
  if (existsSync('/etc/debian_version'))
    return `Debian ${readFileSync('/etc/debian_version', 'utf8').trim()}`;
  return /^PRETTY_NAME="?(.*?)"?$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
};

const parsing = (): number => {
  const text = JSON.stringify({
    type: 'task-started',
    subject: 'container/default/3f2a9c1be07d',
    data: { pid: 48_213, namespace: 'default', container: '3f2a9c1be07d', n: 1 },
    meta: {
      actor: { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/shiplog', client: 'shiplog 0.1.0' },
      time: { wall: 1_763_695_753_000_000, mono: 981_231_123, boot: '5f0c5c0e-5f7e-4a7e' },
      correlation: '01jd8kq3v5w9x7y2z4a6b8c0d1',
      causation: '48211',
    },
  });
  const [began, count] = [performance.now(), 200_000];
  for (let n = 0; n < count; n += 1) JSON.parse(text);
  return (count / (performance.now() - began)) * 1000;
};

const nodeStart = (): number => {
  const began = performance.now();
  spawnSync(process.execPath, ['-e', '0']);
  return performance.now() - began;
};

const times = <T>(count: number, act: () => T): readonly T[] => Array.from({ length: count }, act);

/** Takes a second or two. */
export const thisMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGB: Math.round(totalmem() / 1e9),
  // What follows the numbers names a build, not a version.
  kernel: /^[\d.]+/.exec(release())?.[0] ?? release(),
  system: systemName(),
  versions: Object.fromEntries([
    ['node', process.versions.node],
    ...Object.entries(programs).flatMap(([name, args]) => {
      const version = versionOf(name, args);
      return version === undefined ? [] : [[name, version] as const];
    }),
  ]),
  jsonParse: Math.round(median(times(3, parsing))),
  nodeStart: Math.round(median(times(5, nodeStart)) * 10) / 10,
});

/** One paragraph that tells what the figures below it were taken on. */
export const machineText = (machine: Machine): string => {
  const { cpu, cores, memoryGB, kernel, system, versions, jsonParse, nodeStart: start } = machine;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return (
    `${cores} × ${cpu}, ${memoryGB} GB, Linux ${kernel}, ${system}; ${named.join(', ')}. ` +
    `That day: JSON.parse of an event ${jsonParse.toLocaleString('en')}/s, \`node -e 0\` ${start} ms.`
  );
};
