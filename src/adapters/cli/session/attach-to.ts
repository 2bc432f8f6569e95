import type { VerbContext } from '../verb.ts';
import { runSession } from './session.ts';

/** Whether the container's process has a terminal and reads input, from its record in the log. */
const processOf = (config: string): { readonly terminal: boolean; readonly stdin: boolean } => {
  const parsed: unknown = config === '' ? {} : JSON.parse(config);
  const process = typeof parsed === 'object' && parsed !== null ? Reflect.get(parsed, 'process') : undefined;
  const flag = (name: string): boolean =>
    typeof process === 'object' && process !== null && Reflect.get(process, name) === true;
  return { terminal: flag('terminal'), stdin: flag('stdin') };
};

/** Attaches to a container by name, starting it first or not. @returns its exit code */
export const attachTo = async (
  context: VerbContext,
  how: 'start' | 'attach',
  container: string,
  wantsStdin: boolean,
  detachKeys: Uint8Array | undefined,
): Promise<number> => {
  const { namespace, signal } = context;
  const { containers } = await context.client();
  const { config } = await containers.inspect({ namespace, container }, { signal });
  const process = processOf(config);
  const stdin = wantsStdin && process.stdin;
  return runSession(context, {
    open: { case: how, value: { namespace, container, stdin } },
    terminal: process.terminal,
    stdin,
    detach: false,
    detachKeys,
  });
};
