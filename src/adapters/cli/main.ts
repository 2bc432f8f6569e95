import { run } from './run.ts';

/** The program `shiplog`: the process around `run`. */
run(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signals: process,
  now: () => Date.now(),
}).then(
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
