import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createFindEndpoints,
  foreignEndpoint,
  isLoopback,
} from '../../../../src/adapters/registry/endpoints.ts';
import { parseHostsFile } from '../../../../src/adapters/registry/hosts-file.ts';
import { addressOf } from '../../../../src/adapters/registry/transport.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

describe('hosts.toml', () => {
  const parse = (text: string) => parseHostsFile('/etc/certs.d/registry.example/hosts.toml', text);

  it('lists mirrors in order, and the server last with the fields of the top', () => {
    const { mirrors, server } = parse(`
      server = "https://registry.example"
      ca = "server.pem"
      [host."https://b.example"]
        capabilities = ["pull"]
      [host."https://a.example"]
        skip_verify = true
        override_path = true
        [host."https://a.example".header]
          x-one = "1"
          x-many = ["2", "3"]
    `);
    expect(mirrors.map(({ url }) => url)).toEqual(['https://b.example', 'https://a.example']);
    expect(mirrors[0]).toMatchObject({ capabilities: ['pull'], overridePath: false });
    expect(mirrors[1]).toMatchObject({
      capabilities: ['pull', 'resolve', 'push'],
      overridePath: true,
      headers: { 'x-one': '1', 'x-many': ['2', '3'] },
      tls: { skipVerify: true },
    });
    expect(server).toMatchObject({
      url: 'https://registry.example',
      tls: { ca: ['/etc/certs.d/registry.example/server.pem'], skipVerify: false },
    });
  });

  it.each([
    ['ca = ["a.pem", "/abs/b.pem"]', { ca: ['/etc/certs.d/registry.example/a.pem', '/abs/b.pem'] }],
    ['client = "/c.pem"', { client: [{ certificate: '/c.pem', key: '/c.pem' }] }],
    [
      'client = ["/c.pem", "/d.pem"]',
      {
        client: [
          { certificate: '/c.pem', key: '/c.pem' },
          { certificate: '/d.pem', key: '/d.pem' },
        ],
      },
    ],
    ['client = [["/c.cert", "/c.key"]]', { client: [{ certificate: '/c.cert', key: '/c.key' }] }],
    ['client = [["/c.pem", ""]]', { client: [{ certificate: '/c.pem', key: '/c.pem' }] }],
  ])('knows the forms of certificates: %s', (text, tls) => {
    expect(parse(text).server.tls).toMatchObject(tls);
  });

  it.each([
    ['server = ', /line 1/],
    ['[host."https://m"]\ncapabilities = ["pull", "fly"]', /host\.https:\/\/m\.capabilities\.1/],
    ['skip_verify = "yes"', /skip_verify/],
  ])('names file and place of a mistake: %s', (text, words) => {
    expect(() => parse(text)).toThrow(/^\/etc\/certs\.d\/registry\.example\/hosts\.toml: /);
    expect(() => parse(text)).toThrow(words);
  });
});

describe('where a registry is asked', () => {
  let temp: ReturnType<typeof makeTempDir>;
  beforeEach(() => {
    temp = makeTempDir('hosts');
  });
  afterEach(() => temp.remove());
  const hosts = (folder: string, text: string) => {
    mkdirSync(join(temp.path, folder), { recursive: true });
    writeFileSync(join(temp.path, folder, 'hosts.toml'), text);
  };
  const bases = async (
    registry: string,
    capability: 'pull' | 'push' = 'pull',
    directory: string | undefined = temp.path,
  ) => (await createFindEndpoints(directory)(registry, capability)).map(({ origin, path }) => origin + path);

  it.each([
    ['docker.io', 'https://registry-1.docker.io/v2'],
    ['ghcr.io', 'https://ghcr.io/v2'],
    ['registry.example:5000', 'https://registry.example:5000/v2'],
    ['localhost:5000', 'http://localhost:5000/v2'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000/v2'],
    ['[::1]:5000', 'http://[::1]:5000/v2'],
    ['localhost:443', 'https://localhost/v2'],
    ['127.example:80', 'https://127.example:80/v2'],
  ])('%s by itself', async (registry, base) => {
    expect(await bases(registry, 'pull', undefined)).toEqual([base]);
    expect(await bases(registry)).toEqual([base]);
  });

  it.each(['999.999.999.999', '[:::::]:5000'])('%s is no host that could be asked', async (registry) => {
    await expect(bases(registry)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(registry),
    });
  });

  it('takes the folder of the host before that of all others, with and without colons', async () => {
    hosts('_default', '[host."https://default.example"]');
    expect(await bases('r.example:5000')).toEqual([
      'https://default.example/v2',
      'https://r.example:5000/v2',
    ]);
    hosts('r.example:5000', '[host."https://colon.example"]');
    expect(await bases('r.example:5000')).toEqual(['https://colon.example/v2', 'https://r.example:5000/v2']);
    hosts('r.example_5000_', '[host."https://underscore.example"]');
    expect((await bases('r.example:5000'))[0]).toBe('https://underscore.example/v2');
  });

  it('keeps to paths and schemes as containerd does', async () => {
    hosts(
      'r.example',
      `server = "https://docker.io"
       [host."https://a.example/proxy"]
       [host."https://b.example/v2"]
       [host."https://c.example/odd/path"]
       override_path = true
       [host."http://d.example"]
       [host."e.example:8443"]
       [host."localhost:5000"]`,
    );
    expect(await bases('r.example')).toEqual([
      'https://a.example/proxy/v2',
      'https://b.example/v2',
      'https://c.example/odd/path',
      'http://d.example/v2',
      'https://e.example:8443/v2',
      'http://localhost:5000/v2',
      'https://registry-1.docker.io/v2',
    ]);
  });

  it('asks for each thing only who can do it', async () => {
    hosts(
      'r.example',
      'capabilities = ["push"]\n[host."https://m.example"]\ncapabilities = ["pull", "resolve"]\n',
    );
    expect(await bases('r.example', 'push')).toEqual(['https://r.example/v2']);
    expect(await bases('r.example', 'pull')).toEqual(['https://m.example/v2']);
    hosts('r.example', 'capabilities = ["pull"]');
    await expect(bases('r.example', 'push')).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining("'push'"),
    });
  });

  it('tells a mirror for whom it stands, and the registry nothing', async () => {
    hosts('docker.io', '[host."https://m.example"]');
    const [mirror, hub] = await createFindEndpoints(temp.path)('docker.io', 'pull');
    expect(mirror && addressOf(mirror, 'library/a', 'blobs/x').href).toBe(
      'https://m.example/v2/library/a/blobs/x?ns=docker.io',
    );
    expect(hub && addressOf(hub, 'library/a', 'blobs/x').href).toBe(
      'https://registry-1.docker.io/v2/library/a/blobs/x',
    );
    expect([mirror?.credentialHost, hub?.credentialHost]).toEqual(['m.example', 'docker.io']);
    expect([mirror?.more, hub?.more]).toEqual([true, false]);
  });
});

describe('loopback', () => {
  it.each(['localhost', 'LOCALHOST', 'a.localhost', '127.0.0.1', '127.9.9.9', '::1', '[::1]'])(
    'is %s',
    (host) => {
      expect(isLoopback(host)).toBe(true);
    },
  );
  it.each(['localhost.example', '128.0.0.1', '127.example', '10.0.0.1', '[::2]', ''])('is not %s', (host) => {
    expect(isLoopback(host)).toBe(false);
  });
});

describe('places of foreign layers', () => {
  it('are web servers only', () => {
    expect(foreignEndpoint('https://cdn.example/x?y=1')).toMatchObject({
      origin: 'https://cdn.example',
      foreign: true,
    });
    for (const text of ['file:///etc/passwd', 'ftp://a/b', 'not a url', ''])
      expect(foreignEndpoint(text)).toBeUndefined();
  });
});
