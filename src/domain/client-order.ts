import { z } from 'zod';
import { AnyValue } from './any-value.ts';

/** Paths or URIs of the client's own streams; empty where there is no such stream. */
const streams = {
  stdin: z.string().max(4096),
  stdout: z.string().max(4096),
  stderr: z.string().max(4096),
  terminal: z.boolean(),
};

/** What to mount, in mount(8)'s words. */
export const ClientMount = z
  .object({
    type: z.string().max(255),
    source: z.string().max(4096),
    /** Below the root; empty for the root itself. */
    target: z.string().max(4096),
    options: z.array(z.string().max(65_536)).max(1024),
  })
  .readonly();
export type ClientMount = z.infer<typeof ClientMount>;

/** How a client wants the task of its container made: it brought the root and holds the streams. */
export const ClientOrder = z
  .object({
    ...streams,
    rootfs: z
      .array(ClientMount)
      .max(256)
      .describe('mounted by the shim; none where the specification names a root'),
    options: AnyValue.optional().describe('for the shim; those of the container when absent'),
    runtimePath: z.string().max(4096).optional().describe('shim in place of the container’s'),
  })
  .readonly();
export type ClientOrder = z.infer<typeof ClientOrder>;

/** How a client wants an extra process made. */
export const ExecOrder = z
  .object({ ...streams, spec: AnyValue.describe('OCI process document, as the client wrote it') })
  .readonly();
export type ExecOrder = z.infer<typeof ExecOrder>;
