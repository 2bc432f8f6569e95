import { keepingEvents } from '../../domain/keeping.ts';
import type { Damage } from './failure.ts';

/** An event's data whose hash is not the one in its head. */
interface Deviation {
  /** Of what lies there, hexadecimal. */
  readonly hash: string;
  readonly damage: Damage;
}

/**
 * Tells redaction from damage. Data that is not what its head vouches for is right exactly when a later
 * `payload-redacted` names its position with the hash of what lies there; the last one that names it counts.
 */
export class Redactions {
  readonly #deviations = new Map<number, Deviation>();
  readonly #named = new Map<number, string>();

  /** Told of data whose hash is not its head's. @param hash of what lies there, hexadecimal */
  differs(position: number, hash: string, damage: Damage): void {
    this.#deviations.set(position, { hash, damage });
  }

  /** Told of every event of type `payload-redacted` whose own data is what its head vouches for. */
  note(position: number, data: unknown): void {
    const parsed = keepingEvents['payload-redacted'].data.safeParse(data);
    if (!parsed.success) return;
    const redacted = Number(parsed.data.position);
    if (redacted < position) this.#named.set(redacted, parsed.data.replacement);
  }

  /** The first data so far that no redaction accounts for. */
  unexplained(): Damage | undefined {
    for (const [position, { hash, damage }] of this.#deviations) {
      if (this.#named.get(position) !== hash) return damage;
    }
    return undefined;
  }
}
