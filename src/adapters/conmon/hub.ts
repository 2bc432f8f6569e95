import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Rejection } from '../../domain/rejection.ts';
import type { Attachment } from '../../engine/ports/stdio.ts';
import { hasCode } from '../syscalls/error.ts';
import { connectPackets, type PacketConnection } from '../syscalls/seqpacket.ts';
import type { StreamSettings } from './bundle.ts';
import { Follower } from './follower.ts';

/** First byte of a packet of conmon's. */
const streams: Readonly<Record<number, 'stdout' | 'stderr'>> = { 2: 'stdout', 3: 'stderr' };

/** Room for a packet of conmon's: it reads 8 KiB at once, and later versions 32. */
const packetBytes = 64 * 1024;

/** Bytes of input in one packet. conmon takes at most 32 KiB of one, and drops the rest. */
const inputBytes = 16 * 1024;

/** How long a client may slow a process down, in milliseconds, before it is let go. */
const patienceMs = 5_000;

/**
 * Those attached to one process, over one connection to its conmon, made when it is needed. conmon waits for a connection
 * that does not read, and with it the process: so what is slow here slows the process down, for a while.
 *
 * conmon closes the input of a process without a terminal when a connection that could write ends. There, the connection
 * stays until the process is over, whoever leaves.
 */
export class Hub {
  readonly #directory: string;
  readonly #name: string;
  readonly #settings: StreamSettings;
  readonly #followers = new Set<Follower>();
  readonly #patience = new Map<Follower, NodeJS.Timeout>();
  #socket: Socket | undefined;
  #ready: Promise<void>;
  #makeReady: () => void = () => undefined;
  #state: 'waiting' | 'open' | 'over' = 'waiting';
  #failure: Rejection | undefined;
  #inputOver = false;
  /** Input goes out in order, a packet at a time. */
  #writing: Promise<void> = Promise.resolve();

  /** @param directory where conmon's socket is @param name of the process, for messages */
  constructor(directory: string, name: string, settings: StreamSettings) {
    this.#directory = directory;
    this.#name = name;
    this.#settings = settings;
    this.#ready = new Promise((resolve) => {
      this.#makeReady = resolve;
    });
  }

  get followed(): boolean {
    return this.#followers.size > 0;
  }

  attach(): Attachment {
    const follower = new Follower(() => this.#balance());
    this.#followers.add(follower);
    if (this.#state === 'over') this.#part(follower, this.#failure);
    else if (this.#state === 'open') this.#connect();
    return {
      output: follower.output(),
      write: (bytes) => this.#input(bytes),
      closeStdin: () => this.#closeInput(),
      detach: async () => this.#part(follower),
    };
  }

  /** conmon can be reached from now on. */
  open(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'open';
    if (this.followed) this.#connect();
    this.#makeReady();
  }

  /** The process is over, or its conmon: what was sent is handed out before the end. */
  over(failure?: Rejection): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#failure = failure;
    this.#makeReady();
    if (this.#socket === undefined) this.#end();
  }

  #connect(): void {
    if (this.#socket !== undefined) return;
    let connection: PacketConnection;
    try {
      connection = connectPackets(this.#directory, 'attach', packetBytes);
    } catch (error) {
      // It has just ended; its end is told by whoever watches it.
      if (hasCode(error, 'ENOENT', 'ECONNREFUSED')) return;
      throw error;
    }
    const { socket } = connection;
    this.#socket = socket;
    socket.on('data', (packet: Buffer) => {
      this.#output(packet);
      this.#balance();
    });
    // A broken connection has no more to give; its close follows.
    socket.on('error', () => socket.destroy());
    socket.once('end', () => {
      for (const packet of connection.rest()) this.#output(packet);
      socket.destroy();
    });
    socket.once('close', () => {
      this.#socket = undefined;
      if (this.#state === 'over') this.#end();
    });
  }

  #output(packet: Buffer): void {
    const stream = streams[packet[0] ?? 0];
    if (stream === undefined) return;
    for (const follower of this.#followers) follower.push({ stream, bytes: packet.subarray(1) });
  }

  #end(): void {
    for (const follower of this.#followers) this.#part(follower, this.#failure);
  }

  #part(follower: Follower, failure?: Rejection): void {
    this.#followers.delete(follower);
    clearTimeout(this.#patience.get(follower));
    this.#patience.delete(follower);
    follower.end(failure);
    const keepsInput = this.#settings.stdin && !this.#settings.terminal && !this.#inputOver;
    if (!this.followed && !keepsInput && this.#state !== 'over') this.#socket?.destroy();
    this.#balance();
  }

  /** The slowest client sets the pace, until its patience is over. */
  #balance(): void {
    for (const follower of this.#followers) {
      if (!follower.slow) {
        clearTimeout(this.#patience.get(follower));
        this.#patience.delete(follower);
      } else if (!this.#patience.has(follower)) {
        const late = new Rejection(
          'resource-exhausted',
          `attached to ${this.#name}: output was read too slowly and this client was let go; the log has all of it`,
        );
        this.#patience.set(
          follower,
          setTimeout(() => this.#part(follower, late), patienceMs),
        );
      }
    }
    if (this.#patience.size > 0) this.#socket?.pause();
    else this.#socket?.resume();
  }

  #input(bytes: Uint8Array): Promise<void> {
    const sent = this.#writing.then(async () => {
      await this.#ready;
      for (let at = 0; at < bytes.length; at += inputBytes) {
        const socket = this.#socket;
        // What a process that is over does not read is dropped, as a pipe would.
        if (!socket?.writable || !this.#settings.stdin || this.#inputOver) return;
        await sendPacket(socket, bytes.subarray(at, at + inputBytes));
      }
    });
    this.#writing = sent;
    return sent;
  }

  #closeInput(): Promise<void> {
    const closed = this.#writing.then(async () => {
      await this.#ready;
      if (this.#settings.terminal || this.#inputOver) return;
      this.#inputOver = true;
      const socket = this.#socket;
      if (!socket?.writable) return;
      socket.end();
      await Promise.race([once(socket, 'finish'), once(socket, 'close')]);
    });
    this.#writing = closed;
    return closed;
  }
}

/** One packet, handed to the kernel; also resolves where the other end is gone. */
const sendPacket = (socket: Socket, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off('close', done);
      resolve();
    };
    socket.once('close', done);
    socket.write(bytes, done);
  });
