import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { busyboxLayout } from '../support/busybox-image.ts';
import { type DaemonHost, daemonMissing, startHost } from '../support/daemon.ts';
import {
  type FaultyRegistry,
  type Seen,
  startFaultyRegistry,
  type Wrong,
} from '../support/faulty-registry.ts';
import { missingHere } from '../support/machine.ts';
import type { Layout } from '../support/oci-layout.ts';
import { sha256 } from '../support/registry-content.ts';

const missing = daemonMissing() ?? missingHere({ programs: ['runc', 'containerd-shim-runc-v2'] });

/** Puts an image of a layout into the registry. */
const offer = (
  registry: FaultyRegistry,
  { directory, manifestDigest }: Layout,
  name: string,
  config?: string,
) => {
  const read = (digest: string) => readFileSync(join(directory, 'blobs', ...digest.split(':')));
  const bytes = read(manifestDigest);
  const manifest = JSON.parse(bytes.toString()) as {
    mediaType: string;
    config: { digest: string };
    layers: { digest: string }[];
  };
  for (const { digest } of [manifest.config, ...manifest.layers]) registry.blobs.set(digest, read(digest));
  registry.manifests.set(`${name}:latest`, { bytes, mediaType: manifest.mediaType });
  registry.manifests.set(`${name}@${manifestDigest}`, { bytes, mediaType: manifest.mediaType });
  return { layer: manifest.layers[0]?.digest ?? '', config: config ?? manifest.config.digest };
};

describe.skipIf(missing !== undefined)(`bad input${missing === undefined ? '' : ` (${missing})`}`, () => {
  let host: DaemonHost;
  let registry: FaultyRegistry;
  let good: string;
  let other: string;
  let parts: { layer: string; config: string };

  beforeAll(async () => {
    host = await startHost('bad-input', { toml: '[registry]\nretries = 1\nstall_timeout = "1s"' });
    registry = await startFaultyRegistry();
    const box = await busyboxLayout(join(host.directory, 'good'));
    offer(registry, box, 'good');
    const unlike = await busyboxLayout(join(host.directory, 'other'), {
      above: [{ tar: Buffer.alloc(200 * 1024) }],
      config: { Env: ['PATH=/bin'] },
    });
    parts = offer(registry, unlike, 'other');
    good = `${registry.host}/good:latest`;
    other = `${registry.host}/other:latest`;
    await host.ok('pull', '-q', good);
    await host.ok('create', '--name', 'witness', good, 'true');
  }, 60_000);
  beforeEach(() => {
    registry.faults.length = 0;
  });
  afterAll(async () => {
    await host.ok('gc');
    expect(await host.leaks()).toEqual([]);
    await host.close();
    await registry.close();
  }, 60_000);

  /** Nothing is lost, and the next command works. */
  const soundAfter = async () => {
    registry.faults.length = 0;
    expect(await host.ok('ps', '-a', '--format', '{{.Names}}')).toBe('witness');
    expect((await host.shiplog(['run', '--rm', good, 'echo', 'fine'])).out).toBe('fine\n');
    expect((await host.shiplog(['verify'])).code).toBe(0);
  };
  const isBlob = ({ target, method }: Seen) => method === 'GET' && target.includes(`/blobs/${parts.layer}`);
  const isManifest = ({ target }: Seen) => target.includes('/manifests/');
  const status = (code: number): Wrong => ({
    kind: 'status',
    status: code,
    body: '{"errors":[{"code":"DENIED","message":"says the registry"}]}',
  });

  const pulls: readonly [string, (seen: Seen) => boolean, Wrong, RegExp][] = [
    ['that says 401', isManifest, status(401), /log in|credentials|unauthor|401/i],
    ['that says 403', isManifest, status(403), /denied|refused|403/i],
    ['that says 404', isManifest, status(404), /not found|does not|no such|404/i],
    ['that says 429', isManifest, status(429), /too many|429|later/i],
    ['that says 500', isManifest, status(500), /500/],
    ['that says 500 for a layer', isBlob, status(500), /500/],
    ['that stalls', isBlob, { kind: 'stall', after: 0 }, /stall|no byte|silent|nothing|1 s|1000 ms/i],
    ['that cuts the connection', isBlob, { kind: 'reset', after: 0 }, /connection|broke|reset|cut|closed/i],
    ['with a truncated layer', isBlob, { kind: 'truncate', to: 500 }, /bytes|truncat|short|size/i],
  ];
  for (const [what, when, wrong, words] of pulls) {
    it(`a registry ${what}`, async () => {
      registry.faults.push({ when, wrong });
      const { code, err } = await host.shiplog(['pull', other]);
      expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(words) });
      expect(err).toContain(registry.host);
      await soundAfter();
    }, 40_000);
  }

  it('a layer of another digest', async () => {
    const right = registry.blobs.get(parts.layer) ?? Buffer.alloc(0);
    const wrong = Buffer.from(right);
    // Near the end: a pull that broke off before is resumed where it was.
    wrong[wrong.length - 10] = (wrong[wrong.length - 10] ?? 0) ^ 1;
    registry.blobs.set(parts.layer, wrong);
    const { code, err } = await host.shiplog(['pull', other]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/digest|sha256/) });
    expect(err).toContain(parts.layer.slice(7, 19));
    await soundAfter();
    registry.blobs.set(parts.layer, right);
    await host.ok('pull', '-q', other);
    await host.ok('rmi', other);
  }, 40_000);

  it('a registry that is not there', async () => {
    const { code, err } = await host.shiplog(['pull', '127.0.0.1:1/none:latest']);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/127\.0\.0\.1:1\b.*(refused|connect)/s),
    });
    await soundAfter();
  }, 40_000);

  it('a platform that the image has not', async () => {
    const index = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: `sha256:${'1'.repeat(64)}`,
          size: 10,
          platform: { os: 'linux', architecture: 's390x' },
        },
      ],
    };
    const bytes = Buffer.from(JSON.stringify(index));
    for (const name of ['many:latest', `many@${sha256(bytes)}`])
      registry.manifests.set(name, { bytes, mediaType: index.mediaType });
    const { code, err } = await host.shiplog(['pull', `${registry.host}/many:latest`]);
    expect({ code, err }).toEqual({
      code: 1,
      err: expect.stringMatching(/linux\/\w+.*linux\/s390x.*--platform/s),
    });
    await soundAfter();
  });

  it('an image without a command', async () => {
    await host.ok('pull', '-q', other);
    expect(await host.shiplog(['run', '--rm', other])).toMatchObject({
      code: 125,
      err: expect.stringMatching(/command/i),
    });
    expect((await host.shiplog(['run', '--rm', other, 'echo', 'given'])).out).toBe('given\n');
    await host.ok('rmi', other);
    await soundAfter();
  });

  const commands: readonly [string, readonly string[], number, RegExp][] = [
    ['a program that is not there', ['run', '--rm', 'GOOD', 'nosuch'], 127, /nosuch.*not found/s],
    ['a program that can not be executed', ['run', '--rm', 'GOOD', '/etc/motd'], 126, /permission denied/i],
    ['a name in use', ['run', '--name', 'witness', 'GOOD', 'true'], 125, /'witness'/],
    ['a user that is not there', ['run', '--rm', '-u', 'nobody-here', 'GOOD', 'true'], 125, /nobody-here/],
    [
      'an image that is not there, and is not to be pulled',
      ['run', '--pull', 'never', 'absent:1', 'true'],
      125,
      /absent:1/,
    ],
    [
      'a volume whose source is not there',
      ['run', '--rm', '--mount', 'type=bind,source=/no/such,target=/x', 'GOOD', 'true'],
      125,
      /\/no\/such/,
    ],
    ['a flag that is not there', ['run', '--such', 'GOOD'], 125, /--such/],
    ['a size that is none', ['run', '-m', 'much', 'GOOD'], 125, /much/],
    ['a negative limit', ['run', '--cpus', '-1', 'GOOD', 'true'], 125, /cpus/],
    ['a container that is not there', ['stop', 'absent'], 1, /'absent'/],
    ['an exec in what is not there', ['exec', 'absent', 'true'], 125, /'absent'/],
    ['logs of what is not there', ['logs', 'absent'], 1, /'absent'/],
    ['removal of what is not there', ['rm', 'absent'], 1, /'absent'/],
    ['removal of an image that is not there', ['rmi', 'absent:1'], 1, /absent:1/],
    ['a push of what is not there', ['push', 'absent:1'], 1, /absent:1/],
    ['an exec in what does not run', ['exec', 'witness', 'true'], 125, /not running/],
    ['a signal that is none', ['kill', '-s', 'NONE', 'witness'], 1, /NONE|not running/],
    ['a pause of what does not run', ['pause', 'witness'], 1, /not running|no task/],
    ['a verb that is not there', ['sail'], 1, /sail/],
    ['a namespace that can not be', ['--namespace', '../x', 'ps'], 1, /namespace/],
    ['a reference that can not be', ['pull', 'UPPER/Case'], 1, /UPPER/],
    ['history of what never was', ['history', 'absent'], 1, /'absent'/],
  ];
  for (const [what, args, code, words] of commands) {
    it(`${what}: exit code ${code}`, async () => {
      const ended = await host.shiplog(args.map((word) => (word === 'GOOD' ? good : word)));
      expect(ended).toEqual({ code, out: '', err: expect.stringMatching(words) });
      expect(ended.err).not.toMatch(/\n\s+at /);
      expect(await host.ok('ps', '-a', '--format', '{{.Names}}')).toBe('witness');
    });
  }

  it('after all of it, everything is sound', soundAfter);
});
