import { write } from './cli-io.ts';
import { timestamp } from './output/units.ts';
import { type At, parseAt } from './parse/at.ts';
import type { VerbContext } from './verb.ts';

/** What a verb shows: things as they are, or as they were at one moment. */
export interface Shown {
  /** To be spread into each request, so that all of them are answered for the same position. */
  readonly at: { readonly at?: At };
  /** What `ago` is counted from, in milliseconds since the Unix epoch: the moment shown, else now. */
  readonly nowMs: number;
  readonly past: boolean;
}

/**
 * Finds the moment that `--at` means and says on standard error which it is: answers on standard output stay what they
 * are without the flag.
 *
 * @throws UsageError for a text that is no moment; ShiplogError for a moment to come or one that the log no longer has
 */
export const shownAt = async (
  { io, client, signal }: VerbContext,
  text: string | undefined,
): Promise<Shown> => {
  if (text === undefined) return { at: {}, nowMs: io.now(), past: false };
  const asked = parseAt(text, io.now());
  const { position, timeUs } = await (await client()).resources.moment({ at: asked }, { signal });
  const when = timeUs === 0n ? 'before the first event' : timestamp(timeUs);
  await write(io.stderr, `as of position ${position}, ${when}\n`);
  return {
    at: { at: { moment: { case: 'position', value: position } } },
    nowMs: Number(timeUs / 1000n),
    past: true,
  };
};
