import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { arch, release } from 'node:os';
import { promisify } from 'node:util';
import { Digest, type Platform } from '../../domain/identity.ts';
import { normalisePlatform } from '../../domain/oci-image.ts';
import type { HostInspector } from '../../engine/ports/inspection.ts';

const run = promisify(execFile);

/** What images are to be made for to run here. */
export const hostPlatform = (): Platform => normalisePlatform({ os: 'linux', architecture: arch() });

/** The pid namespace of this process, as the inode that stands for it. */
export const pidNamespace = (): bigint => statSync('/proc/self/ns/pid', { bigint: true }).ino;

export const sha256 = (text: string): Digest => Digest.parse(`sha256:${hash('sha256', text, 'hex')}`);

const cgroupVersion = async (): Promise<string> => {
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  const v1 = / cgroup /.test(mounts);
  const v2 = / cgroup2 /.test(mounts);
  if (v1 && v2) return 'hybrid';
  return v2 ? 'v2' : v1 ? 'v1' : 'none';
};

/** @param runtime the OCI runtime whose version is told */
export const createHostInspector = (runtime: string): HostInspector => ({
  os: 'linux',
  architecture: hostPlatform().architecture,
  kernel: release(),
  node: process.version,
  cgroup: cgroupVersion,
  runtimeVersion: async () => {
    try {
      const { stdout } = await run(runtime, ['--version'], { timeout: 5000 });
      return stdout.split('\n')[0] ?? '';
    } catch (error) {
      return `${runtime} can't be run: ${error instanceof Error ? error.message : String(error)}`;
    }
  },
  rss: () => process.memoryUsage.rss(),
});
