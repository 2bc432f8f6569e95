import { z } from 'zod';
import type { OciProcess, OciRlimit, OciSpec } from './oci.ts';

/**
 * OCI documents as JSON text. "No limit" is 2^64 - 1 there, a number that JavaScript cannot hold, so limits are written
 * out by hand and the rest around them.
 */
const infinity = '18446744073709551615';

const limitText = (value: number): string => (value < 0 ? infinity : String(value));

const rlimitText = ({ type, soft, hard }: OciRlimit): string =>
  `{"type":${JSON.stringify(type)},"soft":${limitText(soft)},"hard":${limitText(hard)}}`;

export const processText = (process: OciProcess): string => {
  const { rlimits, ...rest } = process;
  return `{"rlimits":[${rlimits.map(rlimitText).join(',')}],${JSON.stringify(rest).slice(1)}`;
};

export const specText = (spec: OciSpec): string => {
  const { process, ...rest } = spec;
  return `{"process":${processText(process)},${JSON.stringify(rest).slice(1)}`;
};

/** Read back, anything that large was no limit. */
const Limit = z.number().transform((value) => (value >= Number(infinity) ? -1 : value));

/** What an exec takes from the document its container was created with. */
export const ContainerDocument = z.object({
  root: z.object({ path: z.string() }),
  hostname: z.string().default(''),
  process: z.object({
    capabilities: z.object({ bounding: z.array(z.string()).default([]) }).default({ bounding: [] }),
    rlimits: z.array(z.object({ type: z.string(), soft: Limit, hard: Limit })).default([]),
    noNewPrivileges: z.boolean().default(false),
    apparmorProfile: z.string().optional(),
    oomScoreAdj: z.number().optional(),
  }),
});
export type ContainerDocument = z.infer<typeof ContainerDocument>;
