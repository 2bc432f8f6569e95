import { spawnSync } from 'node:child_process';

/** Where `npm run setup` unpacks programs of a newer Debian. */
const unpacked = '/var/lib/shiplog-tests/newer-debian';

/** Absolute path of a program of a newer Debian; undefined where it isn't there or doesn't run on this one. */
export const newerProgram = (name: string, folder: 'bin' | 'sbin' = 'bin'): string | undefined => {
  const path = `${unpacked}/usr/${folder}/${name}`;
  return spawnSync(path, ['--version'], { stdio: 'ignore', timeout: 10_000 }).status === 0 ? path : undefined;
};

/** Folder with the plugins of a newer Debian's `docker`: buildx. */
export const newerDockerPlugins = `${unpacked}/usr/libexec/docker/cli-plugins`;

/** Folder with a newer Debian's criu, as `criu`, for a PATH; undefined where it isn't there or doesn't run on this one. */
export const newerCriu = (): string | undefined => {
  const folder = `${unpacked}/criu`;
  const { status } = spawnSync(`${folder}/criu`, ['--version'], { stdio: 'ignore', timeout: 10_000 });
  return status === 0 ? folder : undefined;
};
