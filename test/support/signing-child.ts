import { join } from 'node:path';
import { openFileLog } from '../../src/adapters/log-file/file-log.ts';
import { leavesOf } from '../../src/adapters/log-file/leaves.ts';
import { createTreeHeads } from '../../src/adapters/tree-heads/tree-heads.ts';
import { Timestamp } from '../../src/domain/identity.ts';
import { event, upTo } from './log-events.ts';

/**
 * A process that records events and signs heads of them for ever, for tests that kill it.
 * Run as a bundle: `node signing-child.mjs DIRECTORY`. Tells of each head once it was given out.
 */
const [, , directory = ''] = process.argv;
const log = await openFileLog({ directory: join(directory, 'log'), segmentBytes: 100_000 });
const heads = createTreeHeads({
  directory: join(directory, 'log'),
  keysDirectory: join(directory, 'keys'),
  leaves: leavesOf(log.files),
  horizon: () => log.horizon,
});
const vkey = (await heads.keys())[0] ?? (await heads.makeKey('shiplog/killed'));
for (let n = 0; ; n += 1) {
  await log.append(
    upTo(1 + ((n * 37) % 90)).map((one) => event(one)),
    log.head,
  );
  const head = await heads.sign({
    size: log.durable,
    wall: Timestamp.parse(Date.now() * 1000),
    vkeys: [vkey],
  });
  process.stdout.write(`signed ${head.size}\n`);
}
