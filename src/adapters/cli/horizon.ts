import { write } from './cli-io.ts';
import { printable } from './output/units.ts';
import type { VerbContext } from './verb.ts';

/** Says on standard error where a thing's past is that the log does not have any more. */
export const tellHorizon = async (
  { io, namespace, client, signal }: VerbContext,
  thing: string,
): Promise<void> => {
  const { position, archives, reachesBelow } = await (await client()).log.horizon(
    { namespace, thing },
    { signal },
  );
  if (!reachesBelow) return;
  const where = archives.length === 0 ? 'in no archive' : `archived in ${archives.map(printable).join(', ')}`;
  await write(io.stderr, `not whole: the log begins at position ${position}; what was before is ${where}\n`);
};
