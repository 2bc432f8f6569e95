import { z } from 'zod';

/**
 * A value whose type only its maker and its reader know (protobuf's Any). One that is JSON is kept as that text, byte for
 * byte, so that people can read it in the log; any other stands in base64.
 */
export const AnyValue = z
  .union([
    z.object({ typeUrl: z.string().max(512), json: z.string() }),
    z.object({ typeUrl: z.string().max(512), base64: z.base64() }),
  ])
  .readonly();
export type AnyValue = z.infer<typeof AnyValue>;

/** The value as data, where it is JSON; undefined where it isn't, or can't be read. */
export const jsonOf = (value: AnyValue | undefined): unknown => {
  if (value === undefined || !('json' in value)) return undefined;
  try {
    return JSON.parse(value.json);
  } catch {
    // Redacted, or never JSON: either way nobody can say more of it.
    return undefined;
  }
};
