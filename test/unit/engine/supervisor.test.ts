import { NEVER } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { Digest, Namespace } from '../../../src/domain/identity.ts';
import type { Command } from '../../../src/domain/world.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import type { Logger } from '../../../src/engine/ports/logger.ts';
import type { Runtime } from '../../../src/engine/ports/runtime.ts';
import { Supervisor } from '../../../src/engine/supervisor.ts';
import { type Performers, WorkflowRunner } from '../../../src/engine/workflow-runner.ts';
import { realClock } from '../../support/task.ts';

const actor = { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' };
const cause = { actor, correlation: 'c' };
const [here, there] = ['here', 'there'].map((name) => Namespace.parse(name));
const digests = ['a', 'b', 'c'].map((digit) => Digest.parse(`sha256:${digit.repeat(64)}`));

const open = async () => {
  const ledger = await Ledger.open(memoryLog(), realClock);
  const removed: (readonly Digest[])[] = [];
  const errors: string[] = [];
  const performers = {
    'remove-blob-bytes': async (input) => {
      removed.push(input.digests);
      if (input.digests.length === 2) throw new Error('the disk broke');
    },
  } as Pick<Performers, 'remove-blob-bytes'> as Performers;
  const tell = (message: string): void => void errors.push(message);
  const logger: Logger = { debug: tell, info: tell, warn: tell, error: tell, child: () => logger };
  const runtime = { oom: NEVER } as Pick<Runtime, 'oom'> as Runtime;
  const supervisor = new Supervisor(ledger, new WorkflowRunner(ledger, performers), runtime, logger, actor);
  supervisor.start();
  const commit = (namespace: Namespace | undefined) =>
    digests.map((digest) => ({ type: 'commit-blob', namespace, digest, size: 1, labels: {} }) as Command);
  const remove = (namespace: Namespace | undefined, some: readonly Digest[]) =>
    some.map((digest) => ({ type: 'remove-blob', namespace, digest, cause: { by: 'gc' } }) as Command);
  return { ledger, supervisor, removed, errors, commit, remove };
};

describe('a supervisor', () => {
  it('has the bytes of all blobs that were let go of together removed together', async () => {
    const { ledger, supervisor, removed, errors, commit, remove } = await open();
    await ledger.dispatch(commit(here), cause);
    await ledger.dispatch(remove(here, digests), cause);
    await supervisor.stop();
    expect(removed).toEqual([digests]);
    expect(errors).toEqual([]);
  });

  it('has the bytes of all blobs that were collected together removed together', async () => {
    const { ledger, supervisor, removed, commit } = await open();
    await ledger.dispatch(commit(here), cause);
    if (here === undefined) throw new Error('no namespace');
    const blobs = digests.map((digest) => ({ digest }));
    await ledger.dispatch([{ type: 'collect-blobs', namespace: here, blobs }], cause);
    await supervisor.stop();
    expect(removed).toEqual([digests]);
  });

  it('leaves bytes alone that another namespace holds', async () => {
    const { ledger, supervisor, removed, commit, remove } = await open();
    await ledger.dispatch([...commit(here), ...commit(there)], cause);
    await ledger.dispatch(remove(here, digests), cause);
    await ledger.dispatch(remove(there, digests.slice(0, 1)), cause);
    await supervisor.stop();
    expect(removed).toEqual([digests.slice(0, 1)]);
  });

  it('tells of what could not be removed, and goes on', async () => {
    const { ledger, supervisor, removed, errors, commit, remove } = await open();
    await ledger.dispatch(commit(here), cause);
    await ledger.dispatch(remove(here, digests.slice(0, 2)), cause);
    await ledger.dispatch(remove(here, digests.slice(2)), cause);
    await supervisor.stop();
    expect(removed).toEqual([digests.slice(0, 2), digests.slice(2)]);
    expect(errors).toEqual(["could not remove blobs' bytes; the next start of the daemon tries again"]);
  });
});
