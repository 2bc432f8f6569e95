import type { methods } from '../gen/methods.ts';
import type { CallOptions, Channel, Init } from './calls.ts';
import { serviceClient } from './service-client.ts';
import type { Duplex, ServiceClient, ServiceDescriptor } from './service-types.ts';

type Methods = (typeof methods)[keyof typeof methods];
type Call = (...args: unknown[]) => unknown;
type Calls = Readonly<Record<string, Call>>;

/** A call both ways whose messages can be made later only: they wait, in their order, for what they are made with. */
const lateDuplex = (opening: Promise<Duplex<Init, unknown>>): Duplex<Init, unknown> => {
  // Whoever sends or iterates is told; a call that nobody uses fails unseen.
  opening.catch(() => undefined);
  const afterwards = (act: (call: Duplex<Init, unknown>) => void): void => {
    opening.then(act, () => undefined);
  };
  return {
    send: async (message) => (await opening).send(message),
    close: () => afterwards((call) => call.close()),
    cancel: () => afterwards((call) => call.cancel()),
    async *[Symbol.asyncIterator]() {
      yield* await opening;
    },
  };
};

const lateCall = (kind: string, real: () => Promise<Call>): Call => {
  switch (kind) {
    case 'server_streaming':
      return async function* (...args) {
        yield* (await real())(...args) as AsyncIterable<unknown>;
      };
    case 'bidi_streaming':
      return (...args) =>
        lateDuplex(real().then((call) => call(...(args as [CallOptions])) as Duplex<Init, unknown>));
    default:
      return async (...args) => (await real())(...args);
  }
};

/**
 * A client whose descriptors, tens of milliseconds for a large service, are built when it is first called.
 *
 * @param names the service's methods, which its calls are named after
 */
export const lateClient = <S extends ServiceDescriptor>(
  channel: Channel,
  names: Methods,
  load: () => Promise<S>,
): ServiceClient<S> => {
  let loading: Promise<Calls> | undefined;
  const loaded = (): Promise<Calls> => {
    loading ??= load().then((service) => serviceClient(channel, service) as unknown as Calls);
    return loading;
  };
  const realOf = (name: string) => async (): Promise<Call> => {
    const call = (await loaded())[name];
    if (call === undefined) throw new TypeError(`the service has no method '${name}'`);
    return call;
  };
  return Object.fromEntries(
    Object.entries(names).map(([name, { kind }]) => [name, lateCall(kind, realOf(name))]),
  ) as unknown as ServiceClient<S>;
};
