import { describe, expect, it } from 'vitest';
import type { EventInput } from '../../support/given.ts';
import { eventFrom, factOf, given, log, worldOf } from '../../support/given.ts';

const started = { type: 'daemon-started', data: { version: '1', hostId: 'h', pid: 1 } } as const;
const made = { type: 'namespace-created', data: { namespace: 'team', labels: { note: 'secret' } } } as const;
const redaction = {
  position: '1',
  redacts: 'namespace-created',
  about: 'namespace/team',
  fields: ['/labels/note'],
  salt: '5a'.repeat(16),
  replacement: 'ab'.repeat(32),
};
const redacted = { type: 'payload-redacted', data: redaction } as const;
const archived = {
  type: 'log-archived',
  data: { directory: '/a', from: '0', until: '2', segments: 1, bytes: 9, manifest: 'cd'.repeat(32) },
} as const;
const prune = {
  horizon: '2',
  chain: 'ef'.repeat(32),
  segments: 1,
  bytes: 100,
  treeSize: '2',
  archives: ['/a'],
};
const pruned = { type: 'log-pruned', data: prune } as const;

describe('a redaction', () => {
  it('is recorded', () => {
    given(started, made)
      .when({ type: 'redact-payload', ...redaction })
      .thenHappens(redacted);
  });
  it('can be followed by another of the same event', () => {
    given(started, made, redacted)
      .when({ type: 'redact-payload', ...redaction })
      .thenHappens(redacted);
  });
  it('is not of an event to come', () => {
    given(started)
      .when({ type: 'redact-payload', ...redaction })
      .thenRefused('invalid-argument', /position 1 is to come: the log ends at 1/);
  });
  it('is not of an event that was pruned; the refusal says where it is', () => {
    given(started, made, archived, pruned)
      .when({ type: 'redact-payload', ...redaction })
      .thenRefused('failed-precondition', /position 1 was pruned: .* begins at 2; .* archived in \/a/);
  });
  it('is not of what says what is kept', () => {
    given(started, made, archived)
      .when({ type: 'redact-payload', ...redaction, position: '2', redacts: 'log-archived' })
      .thenRefused('failed-precondition', /checks of the log rest on it/);
  });
  it('may have its bytes still there until the daemon has started again', () => {
    const before = worldOf(log(started, made, redacted));
    expect(before.keeping.recent).toEqual([redaction]);
    const after = worldOf(log(started, made, redacted, started));
    expect(after.keeping.recent).toEqual([]);
    expect(after.keeping.redactions.get('1')).toEqual(redaction);
  });
});

describe('an archive', () => {
  it('is recorded with what it holds', () => {
    given(started, made)
      .when({ type: 'record-archive', ...archived.data })
      .thenHappens(archived);
    const { archives } = worldOf(log(started, made, archived)).keeping;
    expect(archives.get('/a')).toEqual({ directory: '/a', from: 0n, until: 2n });
  });
});

describe('a pruning', () => {
  it('is recorded', () => {
    given(started, made, archived)
      .when({ type: 'prune-log', ...prune })
      .thenHappens(pruned);
  });
  it('moves the horizon', () => {
    const { horizon, prunedInto } = worldOf(log(started, made, archived, pruned)).keeping;
    expect([horizon, prunedInto]).toEqual([2n, ['/a']]);
  });
  it('never moves it back', () => {
    given(started, made, archived, pruned)
      .when({ type: 'prune-log', ...prune, horizon: '1' })
      .thenNothingHappens();
  });
  it('does not reach past the end', () => {
    given(started)
      .when({ type: 'prune-log', ...prune })
      .thenRefused('invalid-argument', /prune before 2: the log ends at 1/);
  });
  it('leaves the rest of the world alone', () => {
    const past: EventInput[] = [started, made, archived];
    const { keeping: _, position: __, ...before } = worldOf(log(...past));
    const { keeping: ___, position: ____, ...after } = worldOf(log(...past, pruned));
    expect(after).toEqual(before);
    expect(factOf(eventFrom(pruned), 3).subject).toBe('host');
  });
});

describe('a restoring', () => {
  const restore = { horizon: '0', until: '2', segments: 1, bytes: 9, archives: ['/a'] };
  it('moves the horizon back to where the log began', () => {
    given(started, made, archived, pruned)
      .when({ type: 'restore-log', ...restore })
      .thenHappens({ type: 'log-restored', data: restore });
    const world = worldOf(log(started, made, archived, pruned, { type: 'log-restored', data: restore }));
    expect(world.keeping).toMatchObject({ horizon: 0n, prunedAt: 0n, prunedInto: [] });
  });
  it('is of what the log has given up', () => {
    given(started, made, archived, pruned)
      .when({ type: 'restore-log', ...restore, until: '1' })
      .thenRefused('aborted', /restore up to 1: the log begins at 2 by now/);
  });
});
