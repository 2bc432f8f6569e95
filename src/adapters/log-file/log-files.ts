import type { Disk } from './disk.ts';
import type { Segment } from './segment.ts';

/** The files of an open log, for whoever keeps them: redacts, archives, prunes. */
export interface LogFiles {
  readonly disk: Disk;
  readonly directory: string;
  /** Hexadecimal; the same in every file of one log. */
  readonly logId: string;
  /** In order; the last one is being written, the others never change but by a redaction. */
  readonly segments: readonly Segment[];
  /** Closes the file that is being written and goes on in a new one. What was durable at the call is in closed files then. */
  seal(): Promise<void>;
  /**
   * Reads no more from files whose events are all below a position, which becomes the horizon.
   * @param archives where they can be found, for whoever asks for them
   * @returns the files let go of, oldest first
   */
  letGo(horizon: number, archives: readonly string[]): readonly Segment[];
  /** Removes the index beside a closed file, also one that a thread is making: what it read is about to change or go. */
  discardIndex(path: string): Promise<void>;
  /** Reads from files before the first one, too, from now on. @param found in order, up to where the log begins; from 0 on */
  takeBack(found: readonly Segment[]): void;
}
