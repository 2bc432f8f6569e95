import { parentPort } from 'node:worker_threads';
import { openFile } from './real-file.ts';
import { checkSegment, type SegmentFindings, type SegmentJob } from './segment-check.ts';
import type { CheckMessage } from './segment-threads.ts';

/** A thread that checks segments of a log, one at a time. */

const send = (message: CheckMessage, transfer: readonly ArrayBuffer[] = []): void =>
  parentPort?.postMessage(message, [...transfer]);

const code = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error ? String(error.code) : undefined;

parentPort?.on('message', (job: SegmentJob) => {
  checkSegment({ open: openFile }, job, (bytes, events) => send({ kind: 'progress', bytes, events })).then(
    (findings: SegmentFindings) => send({ kind: 'found', findings }, [findings.leaves.buffer]),
    (error: unknown) =>
      send({
        kind: 'failed',
        message: error instanceof Error ? error.message : String(error),
        code: code(error),
      }),
  );
});
