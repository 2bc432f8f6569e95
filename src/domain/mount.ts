import { z } from 'zod';

/** A mount is a value; only an adapter makes it true. The words of mount(8) and of containerd's API. */
export const Mount = z
  .object({
    type: z.string(),
    source: z.string(),
    options: z.array(z.string()).readonly(),
  })
  .readonly();
export type Mount = z.infer<typeof Mount>;
