import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFindCredentials } from '../../../../src/adapters/registry/credentials.ts';
import { credentialsIn, keysFor, readDockerConfig } from '../../../../src/adapters/registry/docker-config.ts';
import { makeTempDir } from '../../../support/temp-dir.ts';

const auth = (account: string) => ({ auth: Buffer.from(account).toString('base64') });
const password = (username: string, secret: string) => ({ kind: 'password', username, password: secret });

describe('credentials in config.json', () => {
  it.each([
    ['a host', 'registry.example:5000', 'registry.example:5000'],
    ['a URL', 'https://registry.example:5000', 'registry.example:5000'],
    ['a URL with an API version', 'https://registry.example:5000/v2/', 'registry.example:5000'],
    ['the old key of Docker Hub', 'https://index.docker.io/v1/', 'docker.io'],
    ['a plain name of Docker Hub', 'docker.io', 'docker.io'],
    ['upper case', 'Registry.Example', 'registry.example'],
  ])('are found under %s', (_what, key, host) => {
    expect(credentialsIn({ auths: { [key]: auth('me:secret') } }, host, 'a/b')).toEqual(
      password('me', 'secret'),
    );
  });

  it('of the longest path win, as in containers-auth.json', () => {
    const auths = {
      'registry.example': auth('host:1'),
      'registry.example/team': auth('team:2'),
      'registry.example/team/app': auth('app:3'),
    };
    const of = (repository: string) => credentialsIn({ auths }, 'registry.example', repository);
    expect(of('team/app')).toEqual(password('app', '3'));
    expect(of('team/other')).toEqual(password('team', '2'));
    expect(of('teams/app')).toEqual(password('host', '1'));
    expect(keysFor('h', 'a/b')).toEqual(['h/a/b', 'h/a', 'h']);
  });

  it('are not found under another host or port', () => {
    const config = { auths: { 'registry.example': auth('me:secret') } };
    expect(credentialsIn(config, 'registry.example:5000', 'a')).toBeUndefined();
    expect(credentialsIn(config, 'other.example', 'a')).toBeUndefined();
    expect(credentialsIn(config, 'docker.io', 'a')).toBeUndefined();
  });

  it('may be a password with colons, separate fields, or a token', () => {
    const of = (entry: Record<string, string>) => credentialsIn({ auths: { h: entry } }, 'h', 'a');
    expect(of(auth('me:a:b:c'))).toEqual(password('me', 'a:b:c'));
    expect(of(auth('me:padded\0\0'))).toEqual(password('me', 'padded'));
    expect(of({ username: 'me', password: 'p' })).toEqual(password('me', 'p'));
    expect(of({ ...auth('me:p'), identitytoken: 't' })).toEqual({ kind: 'identity-token', token: 't' });
    expect(of({ registrytoken: 't' })).toEqual({ kind: 'registry-token', token: 't' });
    expect(of({})).toBeUndefined();
    expect(of(auth('no colon'))).toBeUndefined();
  });
});

describe('the file', () => {
  let temp: ReturnType<typeof makeTempDir>;
  beforeEach(() => {
    temp = makeTempDir('docker-config');
  });
  afterEach(() => temp.remove());
  const file = (name: string, text: string) => {
    writeFileSync(join(temp.path, name), text);
    return join(temp.path, name);
  };

  it('may be missing', async () => {
    expect(await readDockerConfig(join(temp.path, 'none', 'config.json'))).toEqual({});
  });

  it('may hold more than we read', async () => {
    const path = file(
      'c',
      '{"auths":{"h":{}},"credsStore":"","HttpHeaders":{"User-Agent":"x"},"psFormat":"y"}',
    );
    expect(await readDockerConfig(path)).toEqual({ auths: { h: {} }, credsStore: '' });
  });

  it.each([
    ['is no JSON', '{"auths":{"h":{"auth":"c2VjcmV0"', /it is not JSON/],
    ['has a wrong shape', '{"auths":{"h":{"auth":5}}}', /auths\.h\.auth: /],
    ['names a helper by path', '{"credHelpers":{"h":"../../evil"}}', /credHelpers\.h: /],
  ])('is refused by name when it %s', async (_what, text, words) => {
    const path = file('c', text);
    const refused = readDockerConfig(path);
    await expect(refused).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringMatching(words),
    });
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining(path) });
    await expect(refused).rejects.toMatchObject({ message: expect.not.stringContaining('c2VjcmV0') });
  });

  it('is looked for where the environment says, REGISTRY_AUTH_FILE first, and remembered for a minute', async () => {
    const first = file('auth.json', JSON.stringify({ auths: { one: auth('first:1') } }));
    file('config.json', JSON.stringify({ auths: { one: auth('docker:1'), two: auth('docker:2') } }));
    let now = 0;
    const time = { now: () => now, random: () => 0, sleep: async () => {} };
    const env = { REGISTRY_AUTH_FILE: first, DOCKER_CONFIG: temp.path };
    const find = createFindCredentials({ env, time, helperMs: 1000 });
    expect(await find('one', 'a')).toEqual(password('first', '1'));
    expect(await find('two', 'a')).toEqual(password('docker', '2'));
    expect(await find('three', 'a')).toBeUndefined();
    file('config.json', JSON.stringify({ auths: { two: auth('changed:2') } }));
    expect(await find('two', 'a')).toEqual(password('docker', '2'));
    now = 60_001;
    expect(await find('two', 'a')).toEqual(password('changed', '2'));
  });

  it('is asked anew after a failure', async () => {
    const path = file('broken.json', '{');
    const time = { now: () => 0, random: () => 0, sleep: async () => {} };
    const find = createFindCredentials({ dockerConfigPath: path, env: {}, time, helperMs: 1000 });
    await expect(find('h', 'a')).rejects.toMatchObject({ code: 'failed-precondition' });
    file('broken.json', JSON.stringify({ auths: { h: auth('me:p') } }));
    expect(await find('h', 'a')).toEqual(password('me', 'p'));
  });
});
