import type { Socket } from 'node:net';
import { z } from 'zod';
import { Rejection } from '../../domain/rejection.ts';
import { FrameCutter, jsonFrame } from './frame.ts';
import { connectHolder, type HolderCommand, tryConnect } from './holder-process.ts';
import { type HolderRequest, socketOf } from './layout.ts';

const Reply = z.object({
  id: z.number().int(),
  error: z.string().optional(),
  missing: z.boolean().optional(),
  keys: z.array(z.string()).optional(),
});
export type Reply = z.infer<typeof Reply>;

/** A reply that says no, as a rejection. */
export const rejectionOf = (reply: Reply): Rejection =>
  new Rejection(reply.missing ? 'not-found' : 'internal', `stdio holder: ${reply.error}`);

/** How often a question is asked again when the holder was lost; all of them may be repeated. */
const repeats = 3;
/** For answers that need nothing but the holder, in milliseconds. */
const answerLimitMs = 10_000;
/** Questions whose answer depends on a process. */
const patient: readonly HolderRequest['op'][] = ['drained', 'stdin-closed'];

interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Rejection) => void;
}

/** The daemon's control connection to the holder; made again, with the holder where need be, when it breaks. */
export class HolderClient {
  readonly #command: HolderCommand;
  #connection: Promise<Socket> | undefined;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed = false;

  constructor(command: HolderCommand) {
    this.#command = command;
  }

  /** Connects ahead of the first question, so that it need not wait for a holder to start. */
  async warm(): Promise<void> {
    await this.#connected();
  }

  /** Whether a holder is there, connecting to it where it is; starts none. */
  async present(): Promise<boolean> {
    if (this.#connection === undefined) {
      const socket = await tryConnect(socketOf(this.#command.directory));
      if (socket === undefined) return false;
      if (this.#connection === undefined) {
        this.#connection = Promise.resolve(socket);
        this.#listen(socket);
      } else socket.destroy();
    }
    await this.#connection;
    return true;
  }

  /** A connection of one's own, with the holder started where need be. */
  connect(): Promise<Socket> {
    return connectHolder(this.#command);
  }

  /** @throws Rejection `not-found`, `internal`, `unavailable`, `deadline-exceeded` */
  async ask(op: HolderRequest['op'], key: string): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      try {
        const reply = await this.#exchange(await this.#connected(), op, key);
        if (reply.error === undefined) return reply;
        throw rejectionOf(reply);
      } catch (error) {
        const lost = error instanceof Rejection && error.code === 'unavailable';
        if (!lost || this.#closed || attempt >= repeats) throw error;
      }
    }
  }

  close(): void {
    this.#closed = true;
    void this.#connection?.then(
      (socket) => socket.destroy(),
      () => undefined, // there is nothing to close where connecting failed
    );
  }

  #exchange(socket: Socket, op: HolderRequest['op'], key: string): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (socket.destroyed) return reject(new Rejection('unavailable', 'the stdio holder is lost'));
      const id = this.#nextId++;
      const timer = patient.includes(op)
        ? undefined
        : setTimeout(() => {
            this.#pending.delete(id);
            reject(
              new Rejection(
                'deadline-exceeded',
                `the stdio holder did not answer '${op}' in ${answerLimitMs} ms`,
              ),
            );
          }, answerLimitMs);
      this.#pending.set(id, {
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      socket.write(jsonFrame({ id, op, key } satisfies HolderRequest));
    });
  }

  #connected(): Promise<Socket> {
    if (this.#closed) return Promise.reject(new Rejection('unavailable', 'the stdio client is closed'));
    this.#connection ??= connectHolder(this.#command).then(
      (socket) => {
        this.#listen(socket);
        return socket;
      },
      (error: unknown) => {
        this.#connection = undefined;
        throw error;
      },
    );
    return this.#connection;
  }

  #listen(socket: Socket): void {
    const cutter = new FrameCutter();
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const frame of cutter.push(bytes)) {
          const reply = Reply.parse(JSON.parse(frame.body.toString('utf8')));
          this.#pending.get(reply.id)?.resolve(reply);
          this.#pending.delete(reply.id);
        }
      } catch (error) {
        socket.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    let why = 'closed by the holder';
    socket.on('error', (error) => {
      why = error.message;
    });
    socket.once('close', () => {
      this.#connection = undefined;
      for (const { reject } of this.#pending.values()) {
        reject(new Rejection('unavailable', `the stdio holder is lost: ${why}`));
      }
      this.#pending.clear();
    });
  }
}
