import { z } from 'zod';

/** Position of the event that took the last reference to a thing away; absent where there never was one. */
export const FreedBy = z.string().regex(/^\d+$/).optional();

/** Why something was removed: somebody asked for it, or nothing referenced it any more. */
export const RemovalCause = z
  .discriminatedUnion('by', [
    z.object({ by: z.literal('request') }),
    z.object({ by: z.literal('gc'), freedBy: FreedBy }),
    z.object({ by: z.literal('recovery'), because: z.string() }),
  ])
  .readonly();
export type RemovalCause = z.infer<typeof RemovalCause>;
