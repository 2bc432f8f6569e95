import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { runProgram, startDaemon } from './child.ts';

export interface RegistryServer {
  /** `127.0.0.1:port`, to stand before repository names. */
  readonly host: string;
  readonly url: string;
  stop(): Promise<void>;
}

/** A port on loopback that nobody held a moment ago. */
export const freePort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() =>
        address !== null && typeof address === 'object'
          ? resolve(address.port)
          : reject(new Error('no port was given')),
      );
    });
  });

/** docker-registry over plain http on loopback, with its storage and configuration below `directory`. */
export const startRegistry = async (directory: string): Promise<RegistryServer> => {
  await mkdir(join(directory, 'storage'), { recursive: true });
  const host = `127.0.0.1:${await freePort()}`;
  const config = join(directory, 'config.yml');
  await writeFile(
    config,
    [
      'version: 0.1',
      'log: { level: warn }',
      'storage:',
      `  filesystem: { rootdirectory: "${join(directory, 'storage')}" }`,
      '  delete: { enabled: true }',
      'http:',
      `  addr: "${host}"`,
      '',
    ].join('\n'),
  );
  const url = `http://${host}`;
  const daemon = await startDaemon('docker-registry', ['serve', config], {
    logFile: join(directory, 'registry.log'),
    ready: () =>
      fetch(`${url}/v2/`).then(
        (response) => response.ok,
        () => false,
      ),
  });
  return { host, url, stop: daemon.stop };
};

/** Pushes an OCI layout's image to `host/repository:tag` with skopeo. */
export const pushLayout = async (
  layout: { readonly directory: string; readonly tag: string },
  target: string,
): Promise<void> => {
  const from = `oci:${layout.directory}:${layout.tag}`;
  await runProgram('skopeo', [
    'copy',
    '--insecure-policy',
    '--dest-tls-verify=false',
    from,
    `docker://${target}`,
  ]);
};
