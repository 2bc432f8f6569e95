import type { Timestamp } from '../../../domain/identity.ts';

/** A time as google.protobuf.Timestamp. @param us microseconds since the Unix epoch */
export const timestampOf = (us: Timestamp): { seconds: bigint; nanos: number } => {
  const seconds = Math.floor(us / 1e6);
  return { seconds: BigInt(seconds), nanos: (us - seconds * 1e6) * 1000 };
};
