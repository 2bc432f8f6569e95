import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { connectContainerd } from '../../src/client/index.ts';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import { missingHere } from '../support/machine.ts';
import { pushLayout, type RegistryServer, startRegistry } from '../support/registry-server.ts';

/** The client as it is published: packed, installed into a folder of its own, type-checked and run from there. */
const repository = resolve(import.meta.dirname, '../..');
const missing =
  daemonMissing() ?? missingHere({ root: true, programs: ['docker-registry', 'skopeo', 'npm'] });
const MINUTES = 60_000;

let host: DaemonHost;
let registry: RegistryServer;
let image: string;
let project: string;

const run = (command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): string => {
  try {
    return execFileSync(command, args, {
      cwd: project,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 3 * MINUTES,
      env: { ...process.env, ...env },
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`${command} ${args.join(' ')} failed: ${stdout}${stderr}`, { cause: error });
  }
};

/** The example of the README, word for word. */
const example = (): string => {
  const text = readFileSync(join(repository, 'README.md'), 'utf8');
  const section = text.slice(text.indexOf('## From a program'));
  return /```ts\n(.*?)```/s.exec(section)?.[1] ?? 'no example';
};

/** Type-checks a file of the project as strictly as can be, the declarations of the package too. */
const check = (name: string, text: string): string => {
  writeFileSync(join(project, name), text);
  const compilerOptions = {
    ...{
      module: 'NodeNext',
      target: 'ES2023',
      noEmit: true,
      types: ['node'],
      typeRoots: [join(repository, 'node_modules/@types')],
    },
    ...{
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
    },
  };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [name] }));
  return run(join(repository, 'node_modules/.bin/tsc'), ['-p', '.']);
};

describe.skipIf(missing !== undefined)(`shiplog/client ${missing ?? ''}`, () => {
  beforeAll(async () => {
    host = await startHost('client-package');
    project = join(host.directory, 'project');
    mkdirSync(project);
    writeFileSync(
      join(project, 'package.json'),
      JSON.stringify({ name: 'example', private: true, type: 'module' }),
    );
    run('npm', ['pack', '--ignore-scripts', '--pack-destination', project, repository]);
    const tarball = readdirSync(project).find((name) => name.endsWith('.tgz')) ?? 'no tarball';
    run('npm', [
      'install',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--prefer-offline',
      join(project, tarball),
    ]);
    registry = await startRegistry(join(host.directory, 'registry'));
    image = `${registry.host}/example:1`;
    await pushLayout(await busyboxLayout(host.directory), image);
  }, 5 * MINUTES);
  afterAll(async () => {
    await registry?.stop();
    await host?.close();
  });

  it(
    'does what the README shows',
    () => {
      writeFileSync(join(project, 'example.mjs'), example());
      const said = run(process.execPath, ['example.mjs', image], {
        SHIPLOG_ADDRESS: `unix://${host.address}`,
      });
      expect(said).toMatch(/^pull: Resolving from OCI Registry/);
      expect(said).toMatch(/^pull: saved .*example:1$/m);
      expect(said).toMatch(/^manifest: 2$/m);
      expect(said).toMatch(/^exit code: 3 told by \/tasks\/exit$/m);
      expect(said).toMatch(/^hello from \S+$/m);
      expect(said).toMatch(/^log: container-created\nlog: task-create-requested$/m);
      expect(said).toMatch(/^refused: not-found$/m);
    },
    MINUTES,
  );

  it(
    'has types that hold, of the example and of every call',
    () => {
      expect(check('example.mts', example())).toBe('');
      const wrong = `import { connect } from 'shiplog/client';\nawait connect().images.tag({ nonsense: true });\n`;
      expect(() => check('wrong.mts', wrong)).toThrow(/nonsense/);
    },
    2 * MINUTES,
  );

  it('brings nothing along but protobuf, and shows nothing of gRPC', () => {
    const folder = join(project, 'node_modules/shiplog');
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    expect(Object.keys(exports)).toEqual(['./client', './package.json']);
    const declarations = readdirSync(join(folder, 'dist/client/types'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.d.ts'))
      .map((name) => readFileSync(join(folder, 'dist/client/types', name), 'utf8'));
    const packages = declarations.flatMap((text) =>
      [...text.matchAll(/from ['"]([^.'"][^'"]*)['"]/g)].map(([, name]) => name),
    );
    expect([...new Set(packages)].sort()).toEqual([
      '@bufbuild/protobuf',
      '@bufbuild/protobuf/codegenv2',
      '@bufbuild/protobuf/wkt',
    ]);
  });

  it(
    'tells every event once, also across a restart of the daemon',
    async () => {
      const containerd = connectContainerd({ address: host.address, namespace: 'told' });
      const leave = new AbortController();
      const told: string[] = [];
      const listening = (async () => {
        const filters = ['namespace==told,topic~=^/namespaces/'];
        for await (const { topic, event } of containerd.subscribe({
          filters,
          from: 0n,
          retryMs: 50,
          signal: leave.signal,
        })) {
          told.push(`${topic} ${Buffer.from(event?.value ?? []).includes('third') ? 'third' : ''}`.trim());
        }
      })();
      await containerd.namespaces.create({ namespace: { name: 'told' } });
      await expect.poll(() => told).toEqual(['/namespaces/create']);
      await host.end('SIGKILL');
      await host.start();
      // Single calls are not tried again by themselves.
      const labelled = () =>
        containerd.namespaces.update({ namespace: { name: 'told', labels: { a: 'third' } } });
      await vi.waitFor(labelled, { timeout: 10_000 });
      await expect
        .poll(() => told, { timeout: 10_000 })
        .toEqual(['/namespaces/create', '/namespaces/update third']);
      leave.abort();
      await listening;
      containerd.close();
    },
    MINUTES,
  );
});
