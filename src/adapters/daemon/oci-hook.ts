import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { asRejection, Rejection } from '../../domain/rejection.ts';

const STDIN = 0;

/** What an OCI runtime tells a hook on its standard input (runtime-spec, runtime.md: State). */
export const HookState = z.object({
  id: z.string(),
  bundle: z.string(),
  pid: z.number().int().default(0),
  status: z.string(),
  annotations: z.record(z.string(), z.string()).default({}),
});
export type HookState = z.infer<typeof HookState>;

const Specification = z.object({ root: z.object({ path: z.string() }) });

/** Of Go's templates, what containerd says may stand in one: a name, or an annotation by its key. */
const placeholder =
  /\{\{-?\s*(?:(id|bundle|rootfs|pid|status)|annotation\s+(?:"([^"\\]*)"|`([^`]*)`))\s*-?\}\}/g;

/**
 * A text with what is known of the container in the place of `{{id}}`, `{{bundle}}`, `{{rootfs}}`, `{{pid}}`, `{{status}}` and
 * `{{annotation "KEY"}}`.
 * @param root of the specification: relative to the bundle, or absolute
 * @throws Rejection `invalid-argument` for braces with anything else in them
 */
export const filledIn = (text: string, state: HookState, root: string): string => {
  const rest = text.replaceAll(placeholder, '');
  if (rest.includes('{{')) {
    throw new Rejection(
      'invalid-argument',
      `oci-hook: '${text}': in {{ }} stand id, bundle, rootfs, pid, status or annotation "KEY"`,
    );
  }
  const known: Readonly<Record<string, string>> = {
    ...state,
    pid: String(state.pid),
    annotations: '',
    rootfs: isAbsolute(root) ? root : join(state.bundle, root),
  };
  return text.replaceAll(
    placeholder,
    (_, name: string | undefined, quoted: string | undefined, raw: string | undefined) =>
      name === undefined ? (state.annotations[quoted ?? raw ?? ''] ?? '') : (known[name] ?? ''),
  );
};

const parsed = <T>(schema: z.ZodType<T>, text: string, what: string): T => {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Rejection('invalid-argument', `oci-hook: ${what}: ${asRejection(cause).message}`, { cause });
  }
};

/**
 * `containerd oci-hook`, which hooks in specifications of containerd's clients call (`ctr run --gpus`): runs a command whose
 * words and variables may tell of the container whose state is on standard input.
 * @returns the exit code of the command, as a shell tells it
 * @throws Rejection `invalid-argument`, `not-found`, `unavailable`
 */
export const runOciHook = (words: readonly string[], env: NodeJS.ProcessEnv): number => {
  const state = parsed(HookState, readFileSync(STDIN, 'utf8'), 'the state on standard input');
  const file = join(state.bundle, 'config.json');
  const { root } = parsed(Specification, readFileSync(file, 'utf8'), file);
  const fill = (text: string): string => filledIn(text, state, root.path);
  const [program = '', ...args] = words.map(fill);
  const variables = Object.entries(env).map(([name, value = '']) => [name, fill(value)] as const);
  const { status, signal, error } = spawnSync(program, args, {
    stdio: 'inherit',
    env: Object.fromEntries(variables),
  });
  if (error)
    throw new Rejection('unavailable', `oci-hook: cannot run '${program}': ${error.message}`, {
      cause: error,
    });
  return status ?? 128 + (signal ? constants.signals[signal] : 0);
};
