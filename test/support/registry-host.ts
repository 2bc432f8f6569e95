import { join } from 'node:path';
import { expect } from 'vitest';
import { busyboxLayout } from './busybox-image.ts';
import { type DaemonHost, daemonMissing, startHost } from './daemon.ts';
import { missingHere } from './machine.ts';
import { pushLayout, type RegistryServer, startRegistry } from './registry-server.ts';

/** Why a {@link RegistryHost} can't be had here, or undefined. */
export const registryHostMissing = (): string | undefined =>
  daemonMissing() ??
  missingHere({ programs: ['docker-registry', 'skopeo', 'runc', 'containerd-shim-runc-v2'] });

/** A daemon of the built programs, with busybox pulled from a registry on loopback. */
export interface RegistryHost {
  readonly host: DaemonHost;
  readonly registry: RegistryServer;
  /** The name it was pulled by. */
  readonly image: string;
  /** Ends both, after a look at what is left over of containers: there must be nothing. */
  close(): Promise<void>;
}

/** @param layers what is above busybox, and the image's configuration */
export const startRegistryHost = async (
  name: string,
  layers: Parameters<typeof busyboxLayout>[1] = {},
): Promise<RegistryHost> => {
  const host = await startHost(name);
  const registry = await startRegistry(join(host.directory, 'registry'));
  const image = `${registry.host}/busybox:latest`;
  await pushLayout(await busyboxLayout(host.directory, layers), image);
  await host.ok('pull', '-q', image);
  const close = async (): Promise<void> => {
    try {
      expect(await host.leaks()).toEqual([]);
    } finally {
      await host.close();
      await registry.stop();
    }
  };
  return { host, registry, image, close };
};
