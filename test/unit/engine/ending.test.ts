import { expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { ContainerId, ExecId, Namespace, position } from '../../../src/domain/identity.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import { awaitEnd } from '../../../src/engine/ending.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import { type EventInput, eventFrom, factOf } from '../../support/given.ts';
import { containerConfig, realClock } from '../../support/task.ts';

const at = { namespace: 'default', id: 'box' };
const { process } = containerConfig(['true']);
const made: EventInput[] = [
  {
    type: 'container-created',
    data: {
      ...at,
      name: 'box',
      image: { name: 'docker.io/library/busybox:latest', digest: `sha256:${'ab'.repeat(32)}` },
      snapshotter: 'overlayfs',
      snapshotKey: 'box',
      runtime: { name: 'io.containerd.runc.v2' },
      config: containerConfig(['true']),
      labels: {},
      removeOnExit: false,
    },
  },
  { type: 'task-create-requested', data: at },
  { type: 'task-created', data: { ...at, pid: 10 } },
  { type: 'task-start-requested', data: at },
  { type: 'task-started', data: { ...at, pid: 10 } },
];
const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' }, correlation: 'c' };
const key = { namespace: Namespace.parse('default'), id: ContainerId.parse('box') };
const exec = (id: string) => ({ ...key, execId: ExecId.parse(id) });

const ledgerOf = async () => {
  const log = memoryLog();
  const facts = made.map((event, index) => factOf(eventFrom(event), index));
  await log.append(
    facts.map(({ type, subject, data, meta }) => ({ type, version: 1, subject, data, meta })),
    position(0n),
  );
  return Ledger.open(log, realClock);
};

it('the end of another exec is not taken for that of one the log does not name yet', async () => {
  const ledger = await ledgerOf();
  await ledger.dispatch([{ type: 'request-exec', ...exec('first'), process }], cause);
  await ledger.dispatch([{ type: 'record-exec-started', ...exec('first'), pid: 11 }], cause);
  const second = awaitEnd(ledger, exec('second'), { next: true });
  const exitedAt = realClock.now().wall;
  await ledger.dispatch([{ type: 'record-exec-exit', ...exec('first'), exitCode: 1, exitedAt }], cause);
  await ledger.dispatch([{ type: 'request-exec', ...exec('second'), process }], cause);
  await ledger.dispatch([{ type: 'record-exec-started', ...exec('second'), pid: 12 }], cause);
  await ledger.dispatch([{ type: 'record-exec-exit', ...exec('second'), exitCode: 2, exitedAt }], cause);
  expect(await second).toMatchObject({ how: 'exited', exitCode: 2 });
  expect(await awaitEnd(ledger, exec('first'))).toMatchObject({ exitCode: 1 });
});

it('whoever waits is let go where nobody is to wait any more', async () => {
  const ledger = await ledgerOf();
  const stopping = new AbortController();
  const waiting = awaitEnd(ledger, key, { stopping: stopping.signal });
  stopping.abort(new Rejection('unavailable', 'stopping'));
  await expect(waiting).rejects.toMatchObject({ code: 'unavailable', message: 'stopping' });
  const late = awaitEnd(ledger, key, { stopping: stopping.signal });
  await expect(late).rejects.toMatchObject({ code: 'unavailable' });
});

it('the end of a task is the end of its execs, and a container that is gone has no end', async () => {
  const ledger = await ledgerOf();
  await ledger.dispatch([{ type: 'request-exec', ...exec('one'), process }], cause);
  const waiting = awaitEnd(ledger, exec('one'));
  await ledger.dispatch([{ type: 'record-task-lost', ...key, because: 'gone' }], cause);
  expect(await waiting).toMatchObject({ how: 'lost' });
  expect(await awaitEnd(ledger, { ...key, id: ContainerId.parse('nobody') })).toBe('gone');
});

it('ends with the caller', async () => {
  const ledger = await ledgerOf();
  const caller = new AbortController();
  const waiting = awaitEnd(ledger, key, { signal: caller.signal });
  caller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
  await expect(awaitEnd(ledger, key, { signal: caller.signal })).rejects.toMatchObject({ code: 'cancelled' });
});
