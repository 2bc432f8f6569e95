import type { ShiplogClient } from '../../src/client/index.ts';

/** Containers by our own API, as the command line asks for them; what {@link peerTask} is on containerd's. */

export const forever = ['/bin/sleep', '1000'];

export interface Wanted {
  readonly image: string;
  readonly command: readonly string[];
  /** Names a runtime; the daemon's own choice where absent. */
  readonly runtime?: string;
  readonly security?: readonly string[];
}

const optionsOf = ({ image, command, runtime = '', security = [] }: Wanted) => ({
  ...{ image, command: [...command], runtime, security: [...security] },
});

/** `run --detach`. @returns its id, once it runs */
export const startOnOurs = async ({ containers }: ShiplogClient, wanted: Wanted): Promise<string> => {
  const session = containers.session();
  await session.send({
    request: { case: 'run', value: { namespace: 'default', detach: true, options: optionsOf(wanted) } },
  });
  let id = '';
  for await (const { response } of session) if (response.case === 'created') id = response.value.id;
  if (id === '') throw new Error('the session ended without a container');
  return id;
};

/** `rm --force`. */
export const removeOnOurs = async ({ containers }: ShiplogClient, container: string): Promise<void> => {
  await containers.remove({ namespace: 'default', container, force: true });
};

/** `exec` of a command that is to end with 0. */
export const execOnOurs = async (
  { containers }: ShiplogClient,
  container: string,
  command: readonly string[],
): Promise<void> => {
  const session = containers.session();
  await session.send({
    request: { case: 'exec', value: { namespace: 'default', container, args: [...command] } },
  });
  for await (const { response } of session) {
    if (response.case === 'exited' && response.value.exitCode === 0) return;
  }
  throw new Error('the session ended without an exit code of 0');
};

/** `run --rm` of a command that is to end with 0. */
export const runOnOurs = async ({ containers }: ShiplogClient, wanted: Wanted): Promise<void> => {
  const session = containers.session();
  const options = { ...optionsOf(wanted), remove: true };
  await session.send({ request: { case: 'run', value: { namespace: 'default', options } } });
  for await (const { response } of session) {
    if (response.case === 'exited' && response.value.exitCode === 0) return;
  }
  throw new Error('the session ended without an exit code of 0');
};

/** Does `once` so many times, by so many clients at once. */
export const byClients = async (
  clients: number,
  times: number,
  once: (at: number) => Promise<unknown>,
): Promise<void> => {
  let next = 0;
  const client = async (): Promise<void> => {
    for (let at = next++; at < times; at = next++) await once(at);
  };
  await Promise.all(Array.from({ length: clients }, client));
};
