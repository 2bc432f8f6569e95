import { closeSync, constants, openSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { chroot, fchdir, umask, unshareFileSystemView } from '../syscalls/thread.ts';
import { type OpenStream, openStream } from './inflater.ts';
import type { UnpackBlame, UnpackJob, UnpackOutcome, WorkerMessage } from './job.ts';
import { unpackLayer } from './unpack-layer.ts';

/**
 * A worker thread that unpacks one layer at a time. While it does, the layer's directory is this thread's root: whatever
 * a layer names, there is nothing else to find. Root, working directory and umask are the thread's own from its start on,
 * so that the daemon's other threads see no change.
 */

const enter = (directory: number): void => {
  fchdir(directory);
  chroot('.');
};

const words = (error: unknown) => (error instanceof Error ? error.message : String(error));

const failed = (blame: UnpackBlame, message: string): UnpackOutcome => ({
  kind: 'failed',
  blame,
  message,
  sourceEnded: false,
});

const send = (message: WorkerMessage): void => parentPort?.postMessage(message);

const work = async (job: UnpackJob): Promise<UnpackOutcome> => {
  const stream = openStream(job.source);
  try {
    return await workInside(job, stream);
  } finally {
    stream.close();
  }
};

const workInside = async (job: UnpackJob, stream: OpenStream): Promise<UnpackOutcome> => {
  const hostRoot = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    enter(job.root);
  } catch (error) {
    closeSync(hostRoot);
    return failed('rights', `unpacking needs root with CAP_SYS_CHROOT: ${words(error)}`);
  }
  try {
    return await unpackLayer(job, stream, (bytesRead) => send({ kind: 'progress', bytesRead }));
  } finally {
    enter(hostRoot);
    closeSync(hostRoot);
  }
};

unshareFileSystemView();
umask(0);
parentPort?.on('message', (job: UnpackJob) => {
  work(job).then(
    (outcome) => send({ kind: 'outcome', outcome }),
    (error: unknown) => send({ kind: 'outcome', outcome: failed('internal', words(error)) }),
  );
});
