import { z } from 'zod';
import { AnyValue } from './any-value.ts';
import { Digest } from './identity.ts';

const path = z.string().max(4096);

/** Paths or URIs of the client's own streams; empty where there is no such stream. */
const streams = {
  stdin: path.describe('a path'),
  stdout: path.describe('a path, or a URI such as `binary://…` and `file://…`'),
  stderr: path.describe('as `stdout`'),
  terminal: z.boolean().describe('a terminal, of which `stdout` is all output'),
};

/** What to mount, in mount(8)'s words. */
export const ClientMount = z
  .object({
    type: z.string().max(255).describe('a file system, or `bind`'),
    source: path.describe('what is mounted'),
    target: path.describe('below the root; empty for the root itself'),
    options: z.array(z.string().max(65_536)).max(1024).describe('in the words of mount(8)'),
  })
  .readonly();
export type ClientMount = z.infer<typeof ClientMount>;

/** An archive of the images of processes, in the content store. */
const Checkpoint = z
  .object({
    mediaType: z.string().min(1).max(255).describe('of the archive'),
    digest: Digest.describe('of the archive'),
    size: z.number().int().nonnegative().describe('bytes of the archive'),
  })
  .readonly();

/** How a client wants the task of its container made: it brought the root and holds the streams. */
export const ClientOrder = z
  .object({
    ...streams,
    rootfs: z
      .array(ClientMount)
      .max(256)
      .describe('mounted by the shim; none where the specification names a root'),
    options: AnyValue.optional().describe('for the shim; those of the container when absent'),
    checkpoint: Checkpoint.optional().describe('images of processes to go on from, instead of a new one'),
    runtimePath: z.string().max(4096).optional().describe('shim in place of the container’s'),
  })
  .readonly();
export type ClientOrder = z.infer<typeof ClientOrder>;

/** How a client wants an extra process made. */
export const ExecOrder = z
  .object({ ...streams, spec: AnyValue.describe('OCI process document, as the client wrote it') })
  .readonly();
export type ExecOrder = z.infer<typeof ExecOrder>;
