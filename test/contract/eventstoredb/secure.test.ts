import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificates } from '../../support/auth-registry.ts';
import { appendBatches, at, event } from '../../support/log-events.ts';
import { missingHere } from '../../support/machine.ts';
import { makeTempDir } from '../../support/temp-dir.ts';
import { givenServers, quick } from './given-server.ts';

const missing = missingHere({ programs: ['openssl'] });
const suffix = missing === undefined ? '' : ` (skipped: ${missing})`;

describe.skipIf(missing !== undefined)(`a server with TLS${suffix}`, () => {
  const { start, open } = givenServers();
  const temp = makeTempDir('eventstoredb');
  let files: { ca: string; certificate: string; key: string };
  beforeAll(async () => {
    files = await makeCertificates(temp.path, 'localhost');
  });
  afterAll(() => temp.remove());
  const startSecure = () =>
    start({ tls: { cert: readFileSync(files.certificate), key: readFileSync(files.key) } });

  it('is talked to with its CA, user and password', async () => {
    const server = await startSecure();
    server.knobs.login = 'ada:s3cret';
    const log = await open(`esdb://ada:s3cret@127.0.0.1:${server.front.port}?tlsCAFile=${files.ca}`);
    expect(await appendBatches(log, [1, 2])).toBe(3n);
  });

  it.each(['ada:wrong@', ''])('turns %o away, and the log says so without the password', async (login) => {
    const server = await startSecure();
    server.knobs.login = 'ada:s3cret';
    const opening = open(`esdb://${login}127.0.0.1:${server.front.port}?tlsCAFile=${files.ca}`);
    await expect(opening).rejects.toMatchObject({
      code: 'unauthenticated',
      message: expect.not.stringContaining('wrong'),
    });
  });

  it('is not trusted without its CA', async () => {
    const server = await startSecure();
    await expect(open(`esdb://127.0.0.1:${server.front.port}`, quick)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/certificate|issuer/),
    });
  });

  it('a password that changes under way fails appends at once, and works again when it is back', async () => {
    const server = await startSecure();
    server.knobs.login = 'ada:s3cret';
    const log = await open(`esdb://ada:s3cret@127.0.0.1:${server.front.port}?tlsCAFile=${files.ca}`);
    server.knobs.login = 'ada:other';
    await expect(log.append([event(0)], at(0))).rejects.toMatchObject({ code: 'unauthenticated' });
    server.knobs.login = 'ada:s3cret';
    expect(await log.append([event(0)], at(0))).toBe(1n);
  });
});

describe('a server without TLS', () => {
  const { start, open } = givenServers();
  it('is not sent the password', async () => {
    const server = await start();
    server.knobs.login = 'ada:s3cret';
    const url = `esdb://ada:s3cret@127.0.0.1:${server.front.port}?tls=false`;
    await expect(open(url, quick)).rejects.toMatchObject({ code: 'unauthenticated' });
    server.knobs.login = undefined;
    const log = await open(url);
    expect(await appendBatches(log, [1])).toBe(1n);
  });
});
