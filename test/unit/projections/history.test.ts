import { describe, expect, it } from 'vitest';
import type { EventDefinition } from '../../../src/domain/event.ts';
import { eventTables } from '../../../src/domain/world.ts';
import { summarise } from '../../../src/projections/history.ts';
import { digest, type EventInput, eventFrom, factOf } from '../../support/given.ts';

const said = (event: EventInput): string => summarise(factOf(eventFrom(event), 0));
const at = { namespace: 'default', id: 'c0ffee' };
const d = digest(0xab);

describe('a line of history', () => {
  it.each<[EventInput, string]>([
    [{ type: 'task-exited', data: { ...at, exitCode: 137, exitedAt: 0 } }, 'exited with 137'],
    [
      { type: 'task-signal-requested', data: { ...at, signal: 15, all: false } },
      'signal 15 (SIGTERM) requested',
    ],
    [
      { type: 'task-signal-requested', data: { ...at, signal: 9, all: true } },
      'signal 9 (SIGKILL) requested for all processes',
    ],
    [{ type: 'task-signalled', data: { ...at, signal: 40, execId: 'e1' } }, 'signal 40 sent to exec e1'],
    [
      { type: 'task-failed', data: { ...at, stage: 'create', exitCode: 127, error: 'no such\n file' } },
      'create failed with 127: no such file',
    ],
    [
      {
        type: 'blob-removed',
        data: { namespace: 'x', digest: d, size: 5, lastHolder: true, cause: { by: 'request' } },
      },
      'content removed, 5 bytes freed',
    ],
    [
      {
        type: 'blob-removed',
        data: { namespace: 'x', digest: d, size: 5, lastHolder: false, cause: { by: 'gc', freedBy: '7' } },
      },
      'content removed (freed by event 7), bytes still held by another namespace',
    ],
    [
      {
        type: 'blobs-collected',
        data: {
          namespace: 'x',
          blobs: [
            { digest: d, size: 5, lastHolder: true, freedBy: '7' },
            { digest: d, size: 6, lastHolder: false, freedBy: '9' },
          ],
        },
      },
      '2 blobs removed, which nothing kept (freed by events 7, 9), 5 bytes freed',
    ],
    [
      {
        type: 'blobs-collected',
        data: { namespace: 'x', blobs: [{ digest: d, size: 5, lastHolder: true }] },
      },
      '1 blob removed, which nothing kept, 5 bytes freed',
    ],
    [
      {
        type: 'ingest-aborted',
        data: { namespace: 'x', ref: 'r', cause: { by: 'recovery', because: 'gone' } },
      },
      "write of content under 'r' given up (recovery: gone)",
    ],
    [
      {
        type: 'snapshot-removed',
        data: { namespace: 'x', snapshotter: 'overlayfs', key: 'k', id: '1', cause: { by: 'gc' } },
      },
      'snapshot removed (nothing kept it)',
    ],
    [{ type: 'lease-deleted', data: { namespace: 'x', id: 'l', cause: { by: 'gc' } } }, 'lease l expired'],
    [
      { type: 'lease-deleted', data: { namespace: 'x', id: 'l', cause: { by: 'request' } } },
      'lease l deleted',
    ],
    [{ type: 'container-labelled', data: { ...at, labels: { b: '', a: '' } } }, 'labels set: a, b'],
    [{ type: 'container-labelled', data: { ...at, labels: {} } }, 'labels cleared'],
    [
      { type: 'transfer-started', data: { ...at, verb: 'pull', what: 'docker.io/library/busybox:latest' } },
      'pull of docker.io/library/busybox:latest began',
    ],
  ])('%j', (event, line) => {
    expect(said(event)).toBe(line);
  });

  const definitions = Object.values(eventTables).flatMap((table) => Object.entries<EventDefinition>(table));
  it.each(definitions)('is there for %s, and is one', (type, { example }) => {
    const line = said({ type, data: example } as EventInput);
    expect(line).toMatch(/^\S.*\S$/);
    expect(line).not.toMatch(/undefined|\[object|\n/);
  });
});
