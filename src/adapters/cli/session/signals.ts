import { constants } from 'node:os';
import type { CliIo } from '../cli-io.ts';

const proxied = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;
/** With a raw terminal, Ctrl-C is a key; these two mean the terminal or the session is going away. */
const leaving = ['SIGTERM', 'SIGHUP'] as const;
/** So many interrupts in a row mean that the container doesn't listen and the user wants out. */
const INTERRUPTS_TO_LEAVE = 3;

export type Signal = (typeof proxied)[number];

export const exitCodeOfSignal = (signal: Signal): number => 128 + constants.signals[signal];

interface Listeners {
  /** Hand a signal to the process in the container. */
  readonly proxy: (signal: Signal) => void;
  /** Stop following the container; it goes on. */
  readonly leave: (signal: Signal) => void;
}

/** Listens to signals for as long as a session lasts. @returns stops listening */
export const listenToSignals = (io: CliIo, raw: boolean, { proxy, leave }: Listeners): (() => void) => {
  let interrupts = 0;
  const pass = (signal: Signal) => {
    if (signal === 'SIGINT') interrupts += 1;
    if (interrupts >= INTERRUPTS_TO_LEAVE) leave(signal);
    else proxy(signal);
  };
  const names: readonly Signal[] = raw ? leaving : proxied;
  const listeners = names.map((name) => [name, () => (raw ? leave(name) : pass(name))] as const);
  for (const [name, listener] of listeners) io.signals.on(name, listener);
  return () => {
    for (const [name, listener] of listeners) io.signals.off(name, listener);
  };
};
