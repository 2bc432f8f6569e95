import { startupSnapshot } from 'node:v8';
import { loadAhead, run } from './adapters/cli/run.ts';
import type { Fleet } from './engine/ports/fleet.ts';
import type { OpenedPast, PastOrder } from './engine/ports/past.ts';

/** Reads logs of many hosts where they are together; loaded when asked for. @throws Rejection `invalid-argument` */
const openFleet = async (connectionString: string): Promise<Fleet> =>
  (await import('./fleet.ts')).openFleet(connectionString);

/** Serves a log that is kept, in this process; loaded when asked for. */
const openPast = async (order: PastOrder): Promise<OpenedPast> =>
  (await import('./bundle.ts')).openPast(order);

/** The program `shiplog`: the process around `run`. */
const start = (): void => {
  const io = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
    signals: process,
    now: () => Date.now(),
  };
  run(process.argv.slice(2), io, { openFleet, openPast }).then(
    (exitCode) => {
      // Not `exitCode = …`: an open standard input would keep the process until someone pressed a key.
      process.exit(exitCode);
    },
    (error: unknown) => {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.stderr.write(`shiplog: this is a fault of shiplog itself, please report it: ${text}\n`);
      process.exit(125);
    },
  );
};

if (startupSnapshot.isBuildingSnapshot()) {
  // A snapshot of V8 (ADR 42) holds what is loaded by now.
  startupSnapshot.setDeserializeMainFunction(start);
  void loadAhead();
} else {
  start();
}
