import { parentPort } from 'node:worker_threads';
import { type SealedMessage, type SealMessage, sealGroups } from './seal.ts';

/** A thread that finishes groups for the writer of a log. It knows no file: bytes come in and go out. */
parentPort?.on('message', ({ memory, length, synced, chain }: SealMessage) => {
  const after = sealGroups({ bytes: Buffer.from(memory), length, synced, chain });
  const answer: SealedMessage = { memory, chain: after };
  parentPort?.postMessage(answer, [memory]);
});
