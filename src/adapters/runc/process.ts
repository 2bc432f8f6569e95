import type { ProcessConfig } from '../../domain/container-config.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Secrets } from '../../engine/ports/runtime.ts';
import type { OciProcess } from './oci.ts';
import type { ResolvedUser } from './resolve-user.ts';

/** Where commands are looked for when nobody says. */
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Later ones win and take the place of the first; what is no `NAME=value` is left out. */
const merged = (env: readonly string[]): readonly string[] => {
  const byName = new Map<string, string>();
  for (const item of env) {
    const at = item.indexOf('=');
    if (at > 0) byName.set(item.slice(0, at), item);
  }
  return [...byName.values()];
};

/** @throws Rejection `failed-precondition` where the value of a secret is not given */
export const environment = (
  process: ProcessConfig,
  secrets: Secrets,
  given: { readonly hostname: string; readonly home: string },
): readonly string[] => {
  const hidden = process.secretEnv.map((name) => {
    const value = secrets[name];
    if (value === undefined) {
      throw new Rejection(
        'failed-precondition',
        `the value of secret environment variable '${name}' is not at hand`,
      );
    }
    return `${name}=${value}`;
  });
  return merged([
    defaultPath,
    ...(given.hostname === '' ? [] : [`HOSTNAME=${given.hostname}`]),
    ...(process.terminal ? ['TERM=xterm'] : []),
    `HOME=${given.home}`,
    ...process.env,
    ...hidden,
  ]);
};

/** What a process document takes from the container rather than from the process's own flags. */
export type ProcessBounds = Pick<
  OciProcess,
  'capabilities' | 'rlimits' | 'noNewPrivileges' | 'apparmorProfile' | 'oomScoreAdj'
>;

export const ociProcess = (
  process: ProcessConfig,
  user: ResolvedUser,
  env: readonly string[],
  bounds: ProcessBounds,
): OciProcess => ({
  terminal: process.terminal,
  ...(process.terminal && process.consoleSize ? { consoleSize: process.consoleSize } : {}),
  user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
  args: process.args,
  env,
  cwd: process.cwd,
  ...bounds,
});
