import { describe, expect, it } from 'vitest';
import type { Labels } from '../../../src/domain/identity.ts';
import { type RestartedTask, restartOf } from '../../../src/projections/restarts.ts';

const labels = (words: Record<string, string>): Labels =>
  Object.fromEntries(
    Object.entries(words).map(([name, value]) => [`containerd.io/restart.${name}`, value]),
  ) as Labels;
const ended = (exitStatus: number): RestartedTask => ({ status: 'stopped', exitStatus });
const acts = (words: Record<string, string>, task?: RestartedTask) => restartOf(labels(words), task)?.act;

describe('a container that is to run', () => {
  const running = { status: 'running' };
  it.each([
    ['no policy, which is always', {}, ended(0), 'start'],
    ['always', { policy: 'always' }, ended(0), 'start'],
    ['always, without a task', { policy: 'always' }, undefined, 'start'],
    ['no', { policy: 'no' }, ended(1), undefined],
    ['on-failure after a success', { policy: 'on-failure' }, ended(0), undefined],
    ['on-failure after a failure', { policy: 'on-failure', count: '99' }, ended(3), 'start'],
    ['on-failure without a task', { policy: 'on-failure' }, undefined, undefined],
    ['on-failure:2 for the second time', { policy: 'on-failure:2', count: '1' }, ended(3), 'start'],
    ['on-failure:2 for the third time', { policy: 'on-failure:2', count: '2' }, ended(3), undefined],
    ['unless-stopped', { policy: 'unless-stopped' }, ended(0), 'start'],
    [
      'unless-stopped, and it was',
      { policy: 'unless-stopped', 'explicitly-stopped': 'true' },
      ended(0),
      undefined,
    ],
    [
      'unless-stopped, and it was not',
      { policy: 'unless-stopped', 'explicitly-stopped': 'false' },
      ended(0),
      'start',
    ],
    ['an unknown policy', { policy: 'sometimes' }, ended(1), 'complain'],
    ['a number of retries that is none', { policy: 'on-failure:x' }, ended(1), 'complain'],
    ['retries of a policy without any', { policy: 'always:3' }, ended(1), 'complain'],
    ['a count that is no number', { policy: 'on-failure', count: 'x' }, ended(1), 'complain'],
  ] as const)('is looked after by its policy: %s', (_, words, task, expected) => {
    expect(acts({ ...running, ...words }, task)).toBe(expected);
  });
  it.each(['running', 'created', 'paused'] as const)('is left alone while it is %s', (status) => {
    expect(acts(running, { status })).toBeUndefined();
  });
  it('is counted, and told why', () => {
    expect(restartOf(labels({ ...running, policy: 'on-failure:5', count: '3' }), ended(7))).toEqual({
      act: 'start',
      count: 4,
      because: 'restart policy on-failure:5: it ended with 7',
    });
    expect(restartOf(labels(running), undefined)).toMatchObject({
      count: 1,
      because: 'restart policy always: it has no task',
    });
  });
});

describe('a container that is to be stopped', () => {
  const stopped = { status: 'stopped', policy: 'always' };
  it.each(['running', 'created', 'paused'] as const)('is ended while it is %s', (status) => {
    expect(acts(stopped, { status })).toBe('stop');
  });
  it('is left alone once it has ended, and where there is nothing', () => {
    expect(acts(stopped, ended(1))).toBeUndefined();
    expect(acts(stopped)).toBeUndefined();
  });
});

describe('a container without a status to be in', () => {
  it('is nobody’s business', () => {
    expect(acts({ policy: 'always' }, ended(1))).toBeUndefined();
    expect(acts({ status: 'dancing' }, ended(1))).toBeUndefined();
  });
});
