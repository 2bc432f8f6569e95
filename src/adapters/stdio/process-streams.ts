import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { StreamName } from './cri-format.ts';
import { Follower } from './follower.ts';
import type { StreamSettings } from './layout.ts';
import { LogWriter } from './log-writer.ts';
import { OutputSource } from './output-source.ts';
import { StdinSink } from './stdin-sink.ts';

/** How often the end is looked for while somebody waits for it, in milliseconds. */
const lookAgainMs = 500;

/** The streams of one process: from its fifos to its log and to whoever is attached, and back. */
export class ProcessStreams {
  readonly #sources: readonly OutputSource[];
  readonly #stdin: StdinSink | undefined;
  readonly #log: LogWriter | undefined;
  readonly #followers = new Set<Follower>();
  readonly #senders = new Set<Socket>();
  #waiters: (() => void)[] = [];
  #opened = false;
  #held = false;

  constructor(folder: string, settings: StreamSettings) {
    this.#log = settings.log && new LogWriter(settings.log);
    const source = (stream: StreamName) =>
      new OutputSource(
        join(folder, stream),
        (bytes) => this.#output(stream, bytes),
        () => this.#sourceEnded(),
      );
    this.#sources = [
      ...(settings.stdout ? [source('stdout')] : []),
      ...(settings.stderr ? [source('stderr')] : []),
    ];
    this.#stdin = settings.stdin
      ? new StdinSink(join(folder, 'stdin'), () => this.#resumeSenders())
      : undefined;
    this.#opened = true;
    this.#sourceEnded();
  }

  get ended(): boolean {
    return this.#opened && this.#sources.every((source) => source.ended);
  }

  /** Sends output to a client from now on. */
  follow(socket: Socket): void {
    const follower = new Follower(socket, () => {
      if (follower.gone) this.#followers.delete(follower);
      this.#balance();
    });
    this.#followers.add(follower);
    if (this.ended) follower.end();
  }

  /** Takes input from a client, and holds the client back while the process does not read. */
  input(bytes: Buffer, from: Socket): void {
    this.#stdin?.write(bytes);
    if (!this.#stdin?.full) return;
    from.pause();
    this.#senders.add(from);
  }

  closeStdin(): void {
    this.#stdin?.close();
  }

  async stdinClosed(): Promise<void> {
    await this.#stdin?.whenClosed();
  }

  /** Whether nobody writes any more, taking what is left; only the end where somebody wrote before, or never will. */
  over(): boolean {
    for (const source of this.#sources) source.lookForEnd();
    return this.ended;
  }

  /** Resolves when the output is over and logged; to be asked when the process is over. */
  async drained(): Promise<void> {
    if (this.over()) return;
    const again = setInterval(() => this.over(), lookAgainMs);
    await new Promise<void>((resolve) => this.#waiters.push(resolve));
    clearInterval(again);
  }

  destroy(): void {
    for (const source of this.#sources) source.destroy();
    this.#stdin?.destroy();
  }

  #output(stream: StreamName, bytes: Buffer): void {
    this.#log?.write(stream, bytes);
    for (const follower of this.#followers) follower.send(stream, bytes);
    this.#balance();
  }

  /** The slowest client sets the pace, until its patience is over. */
  #balance(): void {
    const hold = [...this.#followers].some((follower) => follower.slow);
    if (hold === this.#held) return;
    this.#held = hold;
    for (const source of this.#sources) {
      if (hold) source.pause();
      else source.resume();
    }
  }

  #resumeSenders(): void {
    if (this.#stdin?.full) return;
    for (const sender of this.#senders) sender.resume();
    this.#senders.clear();
  }

  #sourceEnded(): void {
    if (!this.ended) return;
    this.#log?.close();
    this.#stdin?.destroy();
    for (const follower of this.#followers) follower.end();
    for (const waiter of this.#waiters) waiter();
    this.#waiters = [];
  }
}
