import { type FSWatcher, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Rejection } from '../../domain/rejection.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import type { Exit } from '../../engine/ports/runtime.ts';
import type { Child } from '../syscalls/child.ts';
import { hasCode } from '../syscalls/error.ts';
import { readExit, readKeeper, readPid, readProcess, type StreamSettings } from './bundle.ts';
import { Hub } from './hub.ts';
import { type ProcessIdentity, statusOf, statusOfSame } from './process-identity.ts';
import { watchFolder } from './watching.ts';

/** How often a conmon that is no child of this daemon is looked at, in milliseconds; its exit file is told of at once. */
const lookMs = 1000;

/** One process and its conmon, as this daemon knows them. */
export class Held {
  readonly directory: string;
  /** Container's id: conmon names the file of the exit code by it. */
  readonly id: string;
  readonly settings: StreamSettings;
  readonly hub: Hub;
  /** Settles when the process and its output are over; with a rejection where conmon is gone without having told. */
  readonly ended: Promise<Exit | Rejection>;
  #end: (how: Exit | Rejection) => void = () => undefined;
  #watcher: FSWatcher | undefined;
  #look: NodeJS.Timeout | undefined;
  #known = false;
  #over = false;

  constructor(directory: string, id: string, name: string, settings: StreamSettings) {
    this.directory = directory;
    this.id = id;
    this.settings = settings;
    this.hub = new Hub(directory, name, settings);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** Whether there is, or was, a process. */
  get known(): boolean {
    return this.#known;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Takes up one that was started just now. */
  begin(child: Child): void {
    this.#known = true;
    const settle = (): void => this.#settle();
    child.ended.then(settle, settle);
  }

  /** Takes up one that an earlier daemon started. */
  adopt(logger: Logger): void {
    if (this.#known) return;
    this.#known = true;
    const exits = join(this.directory, 'exit');
    mkdirSync(exits, { recursive: true, mode: 0o700 });
    this.#watcher = watchFolder(exits, logger, () => this.#lookAgain());
    this.#look = setInterval(() => this.#lookAgain(), lookMs).unref();
    this.hub.open();
    this.#lookAgain();
  }

  /**
   * The process, where it is still conmon's.
   * @throws Rejection `not-found` where it has ended
   */
  pid(): number {
    const process = this.#over ? undefined : this.#process();
    if (process !== undefined) return process.pid;
    throw new Rejection('not-found', `the process of ${this.id} has ended`);
  }

  /** Told by its note, or where a crash came before that, by being conmon's child. */
  #process(): ProcessIdentity | undefined {
    const noted = readProcess(this.directory);
    if (noted !== undefined) return statusOfSame(noted);
    const pid = readPid(this.directory);
    const found = pid === undefined ? undefined : statusOf(pid);
    return found?.parent === this.keeper()?.pid ? found : undefined;
  }

  /** Its conmon, while that lives. */
  keeper(): ProcessIdentity | undefined {
    const keeper = readKeeper(this.directory);
    return keeper && statusOfSame(keeper) ? keeper : undefined;
  }

  /** Looks no more. The process goes on. */
  forget(): void {
    clearInterval(this.#look);
    this.#watcher?.close();
    this.#watcher = undefined;
  }

  /** Nothing is left of it. */
  lose(why: Rejection): void {
    this.#finish(why);
  }

  #lookAgain(): void {
    if (this.#over) return;
    try {
      if (readExit(this.directory, this.id) !== undefined || this.keeper() === undefined) this.#settle();
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error; // being deleted
    }
  }

  #settle(): void {
    const exit = readExit(this.directory, this.id);
    this.#finish(exit ?? new Rejection('unavailable', `conmon of ${this.id} is gone`));
  }

  #finish(how: Exit | Rejection): void {
    if (this.#over) return;
    this.#over = true;
    this.forget();
    this.hub.over(how instanceof Rejection ? how : undefined);
    this.#end(how);
  }
}
