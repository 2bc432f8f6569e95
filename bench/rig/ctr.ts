import { runProgram } from '../../test/support/child.ts';

/** Runs Debian's `ctr`. @returns what it printed */
export type Ctr = (...args: readonly string[]) => Promise<string>;

/** `ctr` on the socket of one daemon. Both daemons' containers share the host's control groups, so ids must differ. */
export const ctrAt =
  (address: string): Ctr =>
  (...args) =>
    runProgram('ctr', ['--address', address, ...args]);
