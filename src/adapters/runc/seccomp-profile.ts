import { z } from 'zod';

/** A seccomp profile in Docker's format: OCI's, with conditions on architecture, capabilities and kernel. */

const Condition = z.object({
  arches: z.array(z.string()).optional(),
  caps: z.array(z.string()).optional(),
  /** As `4.8`. */
  minKernel: z
    .string()
    .regex(/^\d+\.\d+$/)
    .optional(),
});
export type SeccompCondition = z.infer<typeof Condition>;

const Argument = z.object({
  index: z.number().int().min(0).max(5),
  value: z.number().nonnegative(),
  valueTwo: z.number().nonnegative().optional(),
  op: z.string().startsWith('SCMP_CMP_'),
});

const Rule = z.object({
  /** An older spelling of `names` with one entry. */
  name: z.string().optional(),
  names: z.array(z.string()).optional(),
  action: z.string().startsWith('SCMP_ACT_'),
  errnoRet: z.number().int().nonnegative().optional(),
  args: z.array(Argument).nullish(),
  includes: Condition.nullish(),
  excludes: Condition.nullish(),
});
export type SeccompRule = z.infer<typeof Rule>;

export const SeccompProfile = z.object({
  defaultAction: z.string().startsWith('SCMP_ACT_'),
  defaultErrnoRet: z.number().int().nonnegative().optional(),
  architectures: z.array(z.string()).default([]),
  archMap: z
    .array(z.object({ architecture: z.string(), subArchitectures: z.array(z.string()).nullish() }))
    .nullish(),
  flags: z.array(z.string()).optional(),
  syscalls: z.array(Rule),
});
export type SeccompProfile = z.infer<typeof SeccompProfile>;
