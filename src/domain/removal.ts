import { z } from 'zod';

/** Why something was removed: somebody asked for it, or nothing referenced it any more. */
export const RemovalCause = z
  .discriminatedUnion('by', [
    z.object({ by: z.literal('request') }),
    z.object({
      by: z.literal('gc'),
      /** Position of the event that took the last reference away; absent where there never was one. */
      freedBy: z.string().regex(/^\d+$/).optional(),
    }),
    z.object({ by: z.literal('recovery'), because: z.string() }),
  ])
  .readonly();
export type RemovalCause = z.infer<typeof RemovalCause>;
