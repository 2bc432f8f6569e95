import { once } from 'node:events';
import type { Socket } from 'node:net';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import type { Attachment, OutputChunk } from '../../engine/ports/stdio.ts';
import { type Frame, FrameCutter, frameHeader, frameKinds, frameLimit, jsonFrame } from './frame.ts';
import type { HolderClient } from './holder-client.ts';

const Word = z.object({
  error: z.string().optional(),
  missing: z.boolean().optional(),
  end: z.boolean().optional(),
  dropped: z.boolean().optional(),
});

/** For the holder's first word, in milliseconds. */
const answerLimitMs = 10_000;

async function* framesOf(socket: Socket): AsyncGenerator<Frame, undefined> {
  const cutter = new FrameCutter();
  for await (const bytes of socket) yield* cutter.push(bytes as Buffer);
  return undefined;
}

const wordOf = (frame: Frame): z.infer<typeof Word> => Word.parse(JSON.parse(frame.body.toString('utf8')));

async function* chunksOf(frames: AsyncGenerator<Frame, undefined>, key: string): AsyncGenerator<OutputChunk> {
  for await (const frame of frames) {
    if (frame.kind === frameKinds.stdout) yield { stream: 'stdout', bytes: frame.body };
    else if (frame.kind === frameKinds.stderr) yield { stream: 'stderr', bytes: frame.body };
    else {
      const word = wordOf(frame);
      if (word.end) return;
      if (word.dropped) {
        throw new Rejection(
          'resource-exhausted',
          `attached to ${key}: output was read too slowly and this client was let go; the log has all of it`,
        );
      }
    }
  }
  throw new Rejection('unavailable', `attached to ${key}: the stdio holder is lost; attach again`);
}

/** Attaches over a connection of its own. @throws Rejection `not-found`, `unavailable` */
export const attachTo = async (client: HolderClient, key: string): Promise<Attachment> => {
  const socket = await client.connect();
  let left = false;
  socket.on('error', () => {
    left = true; // the reader of the output sees the same break
  });
  socket.once('close', () => {
    left = true;
  });
  const frames = framesOf(socket);
  socket.write(jsonFrame({ id: 0, op: 'attach', key }));
  const late = setTimeout(() => socket.destroy(new Error('no answer in time')), answerLimitMs);
  const first = await frames
    .next()
    .catch((cause: unknown) => {
      throw new Rejection('unavailable', `cannot attach to ${key}: the stdio holder is lost`, { cause });
    })
    .finally(() => clearTimeout(late));
  const reply = first.value ? wordOf(first.value) : { error: 'the connection broke', missing: false };
  if (reply.error !== undefined) {
    socket.destroy();
    throw new Rejection(
      reply.missing ? 'not-found' : 'unavailable',
      `cannot attach to ${key}: ${reply.error}`,
    );
  }
  return {
    output: chunksOf(frames, key),
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += frameLimit) {
        if (left) return;
        const piece = bytes.subarray(at, at + frameLimit);
        socket.write(frameHeader(frameKinds.stdin, piece.length));
        if (!socket.write(piece)) await Promise.race([once(socket, 'drain'), once(socket, 'close')]);
      }
    },
    async closeStdin() {
      if (left) return;
      socket.write(jsonFrame({ closeStdin: true }));
      await Promise.race([client.ask('stdin-closed', key), once(socket, 'close')]);
    },
    async detach() {
      left = true;
      socket.destroy();
    },
  };
};
