import { describe, expect, it } from 'vitest';
import { containerEvents } from '../../../src/domain/containers.ts';
import { addToRuns, isRunOf, type Run, type Runs } from '../../../src/projections/runs.ts';
import { type EventInput, eventFrom, factOf, wallAt } from '../../support/given.ts';

const example = containerEvents['container-created'].example;
const it1 = { namespace: 'default', id: 'c0ffee' };
const made: EventInput = { type: 'container-created', data: example };
const started: EventInput = { type: 'task-started', data: { ...it1, pid: 7 } };
const exited: EventInput = { type: 'task-exited', data: { ...it1, exitCode: 0, exitedAt: 1 } };
const removed: EventInput = { type: 'container-removed', data: { ...it1, name: 'web' } };

const runOf = (...events: readonly EventInput[]): Run | undefined => {
  const runs: Runs = new Map();
  for (const [at, event] of events.entries()) addToRuns(runs, factOf(eventFrom(event), at), () => true);
  return runs.get('default/c0ffee');
};

describe('a run', () => {
  it('knows its first start and its last end, over restarts', () => {
    const run = runOf(made, started, exited, started, exited);
    expect(run).toMatchObject({ firstStartedAt: wallAt(1), lastEndedAt: wallAt(4), running: false });
  });

  it('that goes on has no end', () => {
    const run = runOf(made, started, exited, started);
    expect(run).toMatchObject({ firstStartedAt: wallAt(1), running: true });
    expect(run).not.toHaveProperty('lastEndedAt');
  });

  it('outlives its container', () => {
    expect(runOf(made, started, exited, removed)).toMatchObject({ removedAt: wallAt(3) });
  });

  it.each([
    ['a digest', `sha256:${'ab'.repeat(32)}`, true],
    ['the start of a digest', 'abababab', true],
    ['a full name', 'docker.io/library/busybox:latest', true],
    ['a familiar name', 'busybox', true],
    ["the container's name", 'web', true],
    ["the start of the container's id", 'c0ff', true],
    ['too little of it', 'c0f', false],
    ['another image', 'alpine', false],
    ['another digest', `sha256:${'cd'.repeat(32)}`, false],
  ])('is meant by %s', (_, thing, meant) => {
    const run = runOf(made);
    expect(run !== undefined && isRunOf(thing)(run)).toBe(meant);
  });
});
