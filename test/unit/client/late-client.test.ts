import { afterEach, beforeEach, expect, it } from 'vitest';
import { openChannel } from '../../../src/client/channel.ts';
import { lateClient } from '../../../src/client/late-client.ts';
import { methods } from '../../../src/gen/methods.ts';
import { Containers } from '../../../src/gen/shiplog/v1/containers_pb.ts';
import { type FakeDaemon, startFakeDaemon } from '../../support/fake-daemon.ts';

/** A client of the fake daemon's containers, and how often their descriptors were asked for. */
const containersOf = (address: string) => {
  const channel = openChannel({ address });
  const counted = { loads: 0 };
  const client = lateClient(channel, methods['shiplog.v1.Containers'], async () => {
    counted.loads += 1;
    return Containers;
  });
  return { client, counted, close: () => channel.grpc.close() };
};

let daemon: FakeDaemon;
let under: ReturnType<typeof containersOf>;
beforeEach(async () => {
  daemon = await startFakeDaemon();
  under = containersOf(daemon.address);
});
afterEach(async () => {
  under.close();
  await daemon.close();
});

it('loads descriptors at the first call, and once', async () => {
  daemon.unary('Containers', 'list', () => ({ containers: [] }));
  expect(under.counted.loads).toBe(0);
  await Promise.all([under.client.list({}), under.client.list({})]);
  expect(under.counted.loads).toBe(1);
});

it('has every method that the service has', () => {
  expect(Object.keys(under.client)).toEqual(Object.keys(Containers.method));
});

it('keeps the order of what is sent on a call that was just opened', async () => {
  daemon.session(async (first, session) => {
    if (first.case === 'stdin') session.send({ case: 'stdout', value: first.value });
    for await (const { request } of session.requests) {
      if (request.case === 'stdin') session.send({ case: 'stdout', value: request.value });
      if (request.case === 'closeStdin') break;
    }
  });
  const session = under.client.session();
  for (const text of ['a', 'b', 'c']) {
    void session.send({ request: { case: 'stdin', value: Buffer.from(text) } });
  }
  void session.send({ request: { case: 'closeStdin', value: {} } });
  const answers: string[] = [];
  for await (const { response } of session)
    if (response.case === 'stdout') answers.push(Buffer.from(response.value).toString());
  expect(answers).toEqual(['a', 'b', 'c']);
});

it('ends a session that is cancelled before it is open', async () => {
  const session = under.client.session();
  session.cancel();
  await expect(session[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'cancelled' });
});

it('refuses a session whose signal has fired', async () => {
  const session = under.client.session({ signal: AbortSignal.abort() });
  await expect(session.send({})).rejects.toMatchObject({ code: 'cancelled' });
});
