import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRegistry, type RegistryOptions } from '../../src/adapters/registry/registry.ts';
import { makeCertificates } from '../support/auth-registry.ts';
import { type FaultyRegistry, startFaultyRegistry } from '../support/faulty-registry.ts';
import { type ForwardProxy, startForwardProxy } from '../support/forward-proxy.ts';
import { missingHere } from '../support/machine.ts';
import { blobOf, gather, manifestOf, reference, sourceOf } from '../support/registry-content.ts';
import { makeTempDir } from '../support/temp-dir.ts';
import { startTokenService, type TokenService } from '../support/token-service.ts';

/** Where a registry is found, and who is told to it. */
describe('access to a registry', () => {
  let server: FaultyRegistry;
  let temp: ReturnType<typeof makeTempDir>;
  let logged: string[];
  let now: number;
  const closing: { close(): Promise<void> }[] = [];
  const opened = <T extends { close(): Promise<void> }>(thing: T): T => {
    closing.push(thing);
    return thing;
  };
  const open = (options: Partial<RegistryOptions> = {}) =>
    opened(
      createRegistry({
        env: { HOME: temp.path, PATH: `${temp.path}:${process.env.PATH}` },
        hostsDirectory: join(temp.path, 'certs.d'),
        time: { now: () => now, random: () => 0, sleep: async () => {} },
        log: (message) => logged.push(message),
        ...options,
      }),
    );
  const name = () => reference(`${server.host}/fleet/image:1`);
  const holdManifest = (registry: FaultyRegistry, repository = 'fleet/image') => {
    const { descriptor, bytes } = manifestOf(blobOf(Buffer.from('{}')), []);
    registry.manifests.set(`${repository}:1`, { bytes: Buffer.from(bytes), mediaType: descriptor.mediaType });
    return descriptor;
  };
  const dockerConfig = (config: unknown) => {
    mkdirSync(join(temp.path, '.docker'), { recursive: true });
    writeFileSync(join(temp.path, '.docker', 'config.json'), JSON.stringify(config));
  };
  const login = (host: string, account: string) =>
    dockerConfig({ auths: { [host]: { auth: Buffer.from(account).toString('base64') } } });
  const hosts = (registry: string, toml: string) => {
    mkdirSync(join(temp.path, 'certs.d', registry), { recursive: true });
    writeFileSync(join(temp.path, 'certs.d', registry, 'hosts.toml'), toml);
  };
  const helper = (program: string, script: string) => {
    const path = join(temp.path, `docker-credential-${program}`);
    writeFileSync(path, `#!/bin/sh\n${script}\n`);
    chmodSync(path, 0o755);
  };
  beforeEach(async () => {
    temp = makeTempDir('registry-access');
    server = await startFaultyRegistry();
    logged = [];
    now = Date.parse('2026-11-01T00:00:00Z');
  });
  afterEach(async () => {
    for (const thing of closing.splice(0)) await thing.close();
    await server.close();
    temp.remove();
  });

  describe('by token', () => {
    const guarded = async (account?: string): Promise<TokenService> => {
      const service = opened(await startTokenService(account));
      server.guard = service.guard;
      holdManifest(server);
      return service;
    };

    it('is had without an account where the service asks for none, one token for all that follows', async () => {
      const service = await guarded();
      const registry = open();
      await registry.resolve(name(), {});
      await Promise.all([registry.resolve(name(), {}), registry.resolve(name(), {})]);
      expect(service.asked).toHaveLength(1);
      expect(service.asked[0]).toMatchObject({
        method: 'GET',
        service: 'harbour',
        scopes: ['repository:fleet/image:pull'],
        authorization: undefined,
      });
      expect(server.seen).toHaveLength(4);
    });

    it('asks the service once for many who come at the same time', async () => {
      const service = await guarded();
      const registry = open();
      await Promise.all(Array.from({ length: 8 }, () => registry.resolve(name(), {})));
      expect(service.asked).toHaveLength(1);
    });

    it('shows the account of config.json to the service and not to the registry', async () => {
      const service = await guarded('sailor:pass:word');
      login(server.host, 'sailor:pass:word');
      await open().resolve(name(), {});
      expect(service.asked[0]?.authorization).toBe(
        `Basic ${Buffer.from('sailor:pass:word').toString('base64')}`,
      );
      expect(server.seen.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer token-1']);
    });

    it('trades an identity token by POST', async () => {
      const service = await guarded('refresh-me');
      dockerConfig({ auths: { [server.host]: { identitytoken: 'refresh-me' } } });
      await open().resolve(name(), {});
      expect(service.asked[0]).toMatchObject({ method: 'POST', scopes: ['repository:fleet/image:pull'] });
      expect(service.asked[0]?.form?.get('grant_type')).toBe('refresh_token');
    });

    it('renews a token before its end, and one that the registry no longer takes', async () => {
      const service = await guarded();
      service.expiresIn = 60;
      const registry = open();
      await registry.resolve(name(), {});
      now += 49_000;
      await registry.resolve(name(), {});
      expect(service.asked).toHaveLength(1);
      now += 2000;
      await registry.resolve(name(), {});
      expect(service.asked).toHaveLength(2);
      service.good.clear();
      await registry.resolve(name(), {});
      expect(service.asked).toHaveLength(3);
    });

    it('asks for one scope more when it mounts from another repository', async () => {
      const service = await guarded();
      const bytes = Buffer.from('mounted');
      await open().pushBlob(name(), blobOf(bytes), sourceOf(bytes, { mountFrom: ['fleet/base'] }), {});
      expect(service.asked.map(({ scopes }) => scopes)).toEqual([
        ['repository:fleet/image:pull,push'],
        ['repository:fleet/image:pull,push', 'repository:fleet/base:pull'],
      ]);
    });

    it('is refused without naming the password, even when the service repeats it', async () => {
      await guarded('sailor:right');
      const credentials = { username: 'sailor', password: 'wrong-secret' };
      const refused = open().resolve(name(), { credentials });
      await expect(refused).rejects.toMatchObject({ code: 'unauthenticated' });
      const error: unknown = await refused.catch((reason: unknown) => reason);
      expect(String(error)).toContain('UNAUTHORIZED: bad sailor:[redacted]');
      expect(logged.join()).not.toContain('wrong-secret');
    });

    it('ends for one caller when that one leaves, and goes on for the others', async () => {
      await guarded();
      const registry = open();
      const controller = new AbortController();
      const leaving = registry.resolve(name(), { signal: controller.signal });
      const staying = registry.resolve(name(), {});
      controller.abort();
      await expect(leaving).rejects.toMatchObject({ code: 'cancelled' });
      expect((await staying).size).toBeGreaterThan(0);
    });
  });

  describe('by credential helper', () => {
    beforeEach(() => {
      holdManifest(server);
      server.guard = (request, response) => {
        const expected = `Basic ${Buffer.from('sailor:helped').toString('base64')}`;
        if (request.headers.authorization === expected) return true;
        request.resume();
        response.writeHead(401, { 'www-authenticate': 'Basic realm="harbour"' }).end();
        return false;
      };
    });

    it('asks the helper of the host', async () => {
      helper(
        'harbour',
        `read server; echo "{\\"Username\\":\\"sailor\\",\\"Secret\\":\\"helped\\"}"; echo $1 $server > ${temp.path}/asked`,
      );
      dockerConfig({ credHelpers: { [server.host]: 'harbour' } });
      await open().resolve(name(), {});
      expect(readFileSync(join(temp.path, 'asked'), 'utf8')).toBe(`get ${server.host}\n`);
    });

    it('asks the file where the store of all hosts has nothing', async () => {
      helper('store', 'echo "credentials not found in native keychain"; exit 1');
      const auth = Buffer.from('sailor:helped').toString('base64');
      dockerConfig({ credsStore: 'store', auths: { [server.host]: { auth } } });
      expect((await open().resolve(name(), {})).size).toBeGreaterThan(0);
    });

    it.each([
      ['is not there', undefined, /docker-credential-harbour .*not in PATH/],
      ['fails', 'echo no luck >&2; exit 3', /exit code 3/],
      ['never answers', 'sleep 60', /did not answer within 200 ms/],
      ['says nonsense', 'echo secret-nonsense', /no credential/],
    ])('says so when the helper %s', async (_what, script, words) => {
      if (script !== undefined) helper('harbour', `exec 2>&1; ${script.replace(/^sleep/, 'exec sleep')}`);
      dockerConfig({ credHelpers: { [server.host]: 'harbour' } });
      const refused = open({ limits: { helperMs: 200 } }).resolve(name(), {});
      await expect(refused).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(words),
      });
      await expect(refused).rejects.toMatchObject({
        message: expect.not.stringContaining('secret-nonsense'),
      });
    });
  });

  describe('through a redirect', () => {
    it('takes the bytes from another host, and shows it no token', async () => {
      const service = opened(await startTokenService());
      server.guard = service.guard;
      const store = opened(await startFaultyRegistry());
      const bytes = Buffer.from('layer bytes');
      const blob = blobOf(bytes);
      store.blobs.set(blob.digest, bytes);
      const location = `${store.url}/v2/store/blobs/${blob.digest}?X-Signature=very-secret`;
      const headers = { location };
      const redirected = { kind: 'status', status: 307, headers } as const;
      server.faults.push({ when: (seen) => seen.headers.authorization !== undefined, wrong: redirected });
      const { bytes: body } = await open().fetch(name(), blob, 0, {});
      expect((await gather(body)).equals(bytes)).toBe(true);
      expect(store.seen).toHaveLength(1);
      expect(store.seen[0]?.headers.authorization).toBeUndefined();
      store.blobs.clear();
      const missing = open().fetch(name(), blob, 0, {});
      await expect(missing).rejects.toMatchObject({ code: 'not-found' });
      await expect(missing).rejects.toMatchObject({ message: expect.not.stringContaining('very-secret') });
    });

    it('does not let the other host ask for credentials', async () => {
      login(server.host, 'sailor:secret');
      const thief = opened(await startTokenService());
      const store = opened(await startFaultyRegistry());
      store.guard = thief.guard;
      const headers = { location: `${store.url}/v2/x/blobs/y` };
      server.faults.push({ when: () => true, wrong: { kind: 'status', status: 302, headers } });
      await expect(open().fetch(name(), blobOf(Buffer.from('x')), 0, {})).rejects.toMatchObject({
        code: 'unauthenticated',
      });
      expect(thief.asked).toEqual([]);
    });

    it('ends when it goes round in circles, or somewhere that is no web server', async () => {
      const blob = blobOf(Buffer.from('x'));
      const circle = { kind: 'status', status: 302, headers: { location: '/v2/again' } } as const;
      server.faults.push({ when: () => true, wrong: circle });
      await expect(open().fetch(name(), blob, 0, {})).rejects.toMatchObject({
        code: 'unavailable',
        message: expect.stringContaining('redirects'),
      });
      expect(server.seen).toHaveLength(11);
      server.faults.splice(0, 1, {
        when: () => true,
        wrong: { kind: 'status', status: 302, headers: { location: 'file:///etc/passwd' } },
      });
      await expect(open().fetch(name(), blob, 0, {})).rejects.toMatchObject({ code: 'unavailable' });
    });
  });

  describe('by way of mirrors', () => {
    it('asks them in order, tells them for whom, and then the registry itself', async () => {
      const broken = opened(await startFaultyRegistry());
      broken.faults.push({ when: () => true, wrong: { kind: 'status', status: 500 } });
      const mirror = opened(await startFaultyRegistry());
      const descriptor = holdManifest(mirror);
      hosts(
        'registry.example',
        `server = "${server.url}"
         [host."${broken.url}"]
         [host."${mirror.url}/cache"]
         capabilities = ["pull", "resolve"]
         [host."${mirror.url}/cache".header]
         X-Fleet = "north"
         [host."${mirror.url}"]`,
      );
      const registry = open();
      expect(await registry.resolve(reference('registry.example/fleet/image:1'), {})).toEqual(descriptor);
      expect(broken.seen[0]?.target).toBe('/v2/fleet/image/manifests/1?ns=registry.example');
      expect(mirror.seen[0]?.target).toBe('/cache/v2/fleet/image/manifests/1?ns=registry.example');
      expect(mirror.seen[0]?.headers['x-fleet']).toBe('north');
      expect(mirror.seen.at(-1)?.headers['x-fleet']).toBeUndefined();
      expect(server.seen).toEqual([]);
      expect(logged.at(-1)).toContain('asking the next host');
    });

    it('says what each of them said when none has it', async () => {
      const mirror = opened(await startFaultyRegistry());
      hosts('registry.example', `server = "${server.url}"\n[host."${mirror.url}"]\n`);
      await expect(open().resolve(reference('registry.example/fleet/image:1'), {})).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringMatching(new RegExp(`^${server.host}.*before it: ${mirror.host}.*404`)),
      });
    });

    it('pushes to the first that takes pushes, and shows no mirror the credentials of the call', async () => {
      const mirror = opened(await startFaultyRegistry());
      holdManifest(mirror);
      mirror.guard = (request, response) => {
        if (request.headers.authorization !== undefined) return true;
        request.resume();
        response.writeHead(401, { 'www-authenticate': 'Basic realm="mirror"' }).end();
        return false;
      };
      hosts(
        'registry.example',
        `server = "${server.url}"\n[host."${mirror.url}"]\ncapabilities = ["pull", "resolve"]\n`,
      );
      holdManifest(server);
      const credentials = { username: 'sailor', password: 'secret' };
      const image = reference('registry.example/fleet/image:1');
      await open().resolve(image, { credentials });
      expect(mirror.seen.every(({ headers }) => headers.authorization === undefined)).toBe(true);
      expect(server.seen).toHaveLength(1);
      const bytes = Buffer.from('pushed');
      mirror.seen.length = 0;
      await open().pushBlob(image, blobOf(bytes), sourceOf(bytes), {});
      expect(mirror.seen).toEqual([]);
    });

    it('reads hosts.toml anew each time, and says what is wrong in it', async () => {
      const descriptor = holdManifest(server);
      const image = reference('registry.example/fleet/image:1');
      const registry = open();
      hosts('_default', `server = "${server.url}"\n`);
      expect(await registry.resolve(image, {})).toEqual(descriptor);
      hosts('registry.example', 'server = 5\n');
      await expect(registry.resolve(image, {})).rejects.toMatchObject({
        code: 'failed-precondition',
        message: expect.stringMatching(/registry\.example\/hosts\.toml: server: /),
      });
    });
  });

  describe('through a proxy', () => {
    let proxy: ForwardProxy;
    const image = reference('registry.example/fleet/image:1');
    beforeEach(async () => {
      proxy = opened(await startForwardProxy(server));
      holdManifest(server);
      hosts('registry.example', 'server = "http://registry.example"\n');
    });

    it('asks for plain http by request, with the account of the proxy', async () => {
      const HTTP_PROXY = proxy.url.replace('//', '//crew:pass@');
      await open({ env: { HTTP_PROXY } }).resolve(image, {});
      expect(proxy.asked).toEqual(['HEAD http://registry.example/v2/fleet/image/manifests/1']);
      expect(proxy.authorizations).toEqual([`Basic ${Buffer.from('crew:pass').toString('base64')}`]);
    });

    it('goes by itself where NO_PROXY says so, and to the loopback', async () => {
      const env = { http_proxy: proxy.url, no_proxy: '.example' };
      const direct = open({ env, retry: { tries: 1 } }).resolve(image, {});
      await expect(direct).rejects.toMatchObject({ code: 'unavailable' });
      await open({ env: { HTTP_PROXY: proxy.url } }).resolve(name(), {});
      expect(proxy.asked).toEqual([]);
    });

    const missing = missingHere({ programs: ['openssl'] });
    it.skipIf(missing !== undefined)(
      `tunnels TLS${missing === undefined ? '' : ` (skipped: ${missing})`}`,
      async () => {
        const { ca, certificate, key } = await makeCertificates(temp.path, 'registry.example');
        const descriptor = manifestOf(blobOf(Buffer.from('{}')), []);
        const secure = createServer(
          { cert: readFileSync(certificate), key: readFileSync(key) },
          (_, response) => {
            response.writeHead(200, {
              'content-type': descriptor.descriptor.mediaType,
              'content-length': descriptor.bytes.length,
              'docker-content-digest': descriptor.descriptor.digest,
            });
            response.end();
          },
        );
        await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
        const host = `127.0.0.1:${(secure.address() as AddressInfo).port}`;
        const tunnel = opened(await startForwardProxy({ host }));
        hosts('registry.example', `server = "https://registry.example"\nca = "${ca}"\n`);
        const registry = open({ env: { HTTPS_PROXY: tunnel.url } });
        expect(await registry.resolve(image, {})).toEqual(descriptor.descriptor);
        expect(tunnel.asked).toEqual(['CONNECT registry.example:443']);
        await registry.close();
        secure.closeAllConnections();
        await new Promise((resolve) => secure.close(resolve));
      },
    );

    it('says which variable is wrong, and not what is in it', async () => {
      const env = { HTTP_PROXY: 'http://crew:pass word@[bad' };
      const refused = open({ env }).resolve(image, {});
      await expect(refused).rejects.toMatchObject({ code: 'failed-precondition' });
      await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('pass word') });
    });
  });
});
