import type { Socket } from 'node:net';
import type { StreamName } from './cri-format.ts';
import { frameHeader, frameKinds, jsonFrame } from './frame.ts';

/** Bytes waiting for a client before the process it follows is slowed down. */
const slowBytes = 256 * 1024;
/** How long a client may slow a process down, in milliseconds, before it is let go. */
const patienceMs = 5_000;
/** How long a client that was let go may take to read what was sent before, in milliseconds. */
const farewellMs = 30_000;

/** One attached client. It may slow the output down for a while, never for ever. */
export class Follower {
  readonly #socket: Socket;
  readonly #changed: () => void;
  #patience: NodeJS.Timeout | undefined;
  gone = false;

  /** @param changed called when it stops being slow */
  constructor(socket: Socket, changed: () => void) {
    this.#socket = socket;
    this.#changed = changed;
    socket.on('drain', () => {
      clearTimeout(this.#patience);
      this.#patience = undefined;
      changed();
    });
    socket.once('close', () => this.#leave());
  }

  get slow(): boolean {
    return !this.gone && this.#patience !== undefined;
  }

  send(stream: StreamName, bytes: Buffer): void {
    if (this.gone) return;
    this.#socket.cork();
    this.#socket.write(frameHeader(frameKinds[stream], bytes.length));
    this.#socket.write(bytes);
    this.#socket.uncork();
    if (this.#socket.writableLength > slowBytes && this.#patience === undefined) {
      this.#patience = setTimeout(() => this.#part({ dropped: true }), patienceMs);
    }
  }

  /** Tells the client that the output is over. */
  end(): void {
    this.#part({ end: true });
  }

  #part(last: object): void {
    if (this.gone) return;
    this.#socket.end(jsonFrame(last));
    const late = setTimeout(() => this.#socket.destroy(), farewellMs);
    this.#socket.once('close', () => clearTimeout(late));
    this.#leave();
  }

  #leave(): void {
    if (this.gone) return;
    this.gone = true;
    clearTimeout(this.#patience);
    this.#changed();
  }
}
