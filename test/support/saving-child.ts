import { join } from 'node:path';
import { openCheckpoints } from '../../src/adapters/checkpoints/directory.ts';
import { createClock } from '../../src/adapters/linux/clock.ts';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { Namespace } from '../../src/domain/identity.ts';
import { Ledger } from '../../src/engine/ledger.ts';
import type { Logger } from '../../src/engine/ports/logger.ts';
import { SavedViews } from '../../src/engine/saved-views.ts';

/**
 * A process that records events for ever and saves the state every few of them, for tests that kill it.
 * Run as a bundle: `node saving-child.mjs DIRECTORY`. Warnings go to standard error.
 */
const [, , directory = ''] = process.argv;
const clock = createClock('boot-1');
const warn: Logger['warn'] = (message, fields) => {
  process.stderr.write(`${message} ${JSON.stringify(fields)}\n`);
};
const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn,
  error: warn,
  child: () => logger,
};

const log = await openFileLog({ directory: join(directory, 'log') });
const store = await openCheckpoints(join(directory, 'checkpoints'));
const saved = new SavedViews(log, store, clock, logger, { every: 5, maxBytes: 200_000 });
const ledger = await Ledger.open(log, clock, saved);
saved.follow(ledger);
const cause = {
  actor: { uid: 0, gid: 0, pid: process.pid, exe: '/usr/bin/node', client: 'test' },
  correlation: `process-${process.pid}`,
};
for (let n = 0; ; n += 1) {
  const namespace = Namespace.parse(`n${n % 400}`);
  const labels = { turn: `${process.pid} ${n}`, text: 'x'.repeat(n % 300) };
  await ledger.dispatch([{ type: 'label-namespace', namespace, labels }], cause);
  process.stdout.write(`at ${ledger.durable.world.position} ${store.list().length}\n`);
}
