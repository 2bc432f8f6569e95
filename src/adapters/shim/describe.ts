import type { AnyValue } from '../../domain/any-value.ts';
import { RuntimeInfoSchema } from '../../gen/containerd/types/introspection_pb.ts';
import { anyOf } from './any.ts';
import { anyBytes } from './runc-options.ts';
import { findShim, runHelper } from './shim-binary.ts';

/** How long a shim may take to tell of itself (milliseconds). */
const patience = 10_000;

/**
 * What the shim of a runtime says of itself and of what it calls: its flag `-info`, which takes the options that a task
 * would be made with. Shims of containerd 1.6 and 1.7 have no such flag.
 * @returns a `containerd.types.RuntimeInfo`
 * @throws Rejection `not-found`, `invalid-argument` for the runtime; `unavailable` with the shim's words where it fails
 */
export const describeRuntime = async (runtime: string, options?: AnyValue): Promise<AnyValue> => {
  const binary = findShim(runtime, process.env.PATH ?? '/usr/sbin:/usr/bin:/sbin:/bin');
  const said = await runHelper({
    binary,
    args: ['-info'],
    cwd: '/',
    env: process.env,
    input: options === undefined ? new Uint8Array() : anyBytes(anyOf(options)),
    timeoutMs: patience,
  });
  return { typeUrl: RuntimeInfoSchema.typeName, base64: said.toString('base64') };
};
