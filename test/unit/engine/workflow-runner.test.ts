import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../../src/adapters/log-memory/memory-log.ts';
import { LeaseId, Namespace } from '../../../src/domain/identity.ts';
import { findLease } from '../../../src/domain/leases.ts';
import { Rejection } from '../../../src/domain/rejection.ts';
import type { Command } from '../../../src/domain/world.ts';
import { Ledger } from '../../../src/engine/ledger.ts';
import { type Performers, WorkflowRunner } from '../../../src/engine/workflow-runner.ts';
import { all, dispatch, look, perform, type Workflow } from '../../../src/workflows/steps.ts';
import { realClock } from '../../support/task.ts';

const namespace = Namespace.parse('default');
const cause = { actor: { uid: 0, gid: 0, pid: 1, exe: '', client: 'test' }, correlation: 'c' };
const id = (name: string) => LeaseId.parse(name);
const lease = (name: string): Command => ({ type: 'create-lease', namespace, id: id(name), labels: {} });

const turns = (count: number) => new Promise<void>((resolve) => setTimeout(resolve, count));

/** Only `sleep` is asked for here: it takes so many milliseconds, and heeds its signal. */
const open = async () => {
  const ledger = await Ledger.open(memoryLog(), realClock);
  const slept: number[] = [];
  let running = 0;
  let most = 0;
  const performers = {
    sleep: async ({ ms }, { signal }) => {
      running += 1;
      most = Math.max(most, running);
      await turns(ms);
      running -= 1;
      if (signal?.aborted) throw new Rejection('cancelled', 'told to stop while asleep');
      slept.push(ms);
    },
  } as Pick<Performers, 'sleep'> as Performers;
  const runner = new WorkflowRunner(ledger, performers);
  return { ledger, runner, slept, most: () => most };
};

describe('a workflow runner', () => {
  it('lets nothing come between a look and the dispatch after it, also when the look comes first', async () => {
    const { runner, ledger } = await open();
    const makeUnlessThere = function* (): Workflow<boolean> {
      if (findLease((yield* look()).lease, namespace, id('only'))) return false;
      yield* dispatch(lease('only'));
      return true;
    };
    const made = await Promise.all(
      Array.from({ length: 20 }, () => runner.run(makeUnlessThere(), { cause })),
    );
    expect(made.filter((one) => one)).toHaveLength(1);
    expect(ledger.durable.world.lease.size).toBe(1);
  });

  it('throws what failed at the step, and names the event before as the cause of the next', async () => {
    const { runner } = await open();
    const workflow = function* (): Workflow<string> {
      const [first] = yield* dispatch(lease('a'));
      try {
        yield* dispatch(lease('a'));
      } catch (error) {
        const [next] = yield* dispatch(lease('b'));
        return `${(error as Rejection).code} ${first?.position} ${next?.meta.causation}`;
      }
      return 'not refused';
    };
    expect(await runner.run(workflow(), { cause })).toBe('already-exists 0 0');
  });

  it('cancels once, and lets the workflow clean up undisturbed', async () => {
    const { runner, ledger } = await open();
    const caller = new AbortController();
    const workflow = function* (): Workflow<void> {
      try {
        yield* perform('sleep', { ms: 5 });
        yield* dispatch(lease('never'));
      } finally {
        yield* perform('sleep', { ms: 1 });
        yield* dispatch(lease('cleaned'));
      }
    };
    const running = runner.run(workflow(), { cause, signal: caller.signal });
    caller.abort();
    await expect(running).rejects.toMatchObject({ code: 'cancelled' });
    expect([...ledger.durable.world.lease.values()].map((one) => one.id)).toEqual(['cleaned']);
  });

  it('runs branches side by side, never more than the limit, and keeps their order', async () => {
    const { runner, most } = await open();
    const branch = function* (ms: number): Workflow<number> {
      yield* perform('sleep', { ms });
      return ms;
    };
    const both = function* (): Workflow<readonly number[]> {
      return yield* all([6, 1, 5, 2, 4, 3].map(branch), 2);
    };
    expect(await runner.run(both(), { cause })).toEqual([6, 1, 5, 2, 4, 3]);
    expect(most()).toBe(2);
  });

  it('stops the other branches at the first failure, waits for them, and throws that failure', async () => {
    const { runner, ledger, slept } = await open();
    const failing = function* (): Workflow<void> {
      yield* perform('sleep', { ms: 1 });
      throw new Rejection('data-loss', 'the first');
    };
    const other = function* (name: string): Workflow<void> {
      try {
        yield* perform('sleep', { ms: 8 });
        yield* dispatch(lease(`${name}-done`));
      } catch (error) {
        yield* dispatch(lease(`${name}-cleaned`));
        throw error;
      }
    };
    const whole = function* (): Workflow<void> {
      yield* all([other('a'), failing(), other('b')], 3);
    };
    await expect(runner.run(whole(), { cause })).rejects.toMatchObject({ code: 'data-loss' });
    expect(slept).toEqual([1]);
    expect([...ledger.durable.world.lease.values()].map((one) => one.id).sort()).toEqual([
      'a-cleaned',
      'b-cleaned',
    ]);
  });
});
