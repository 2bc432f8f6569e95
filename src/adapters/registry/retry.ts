import { cancellation } from './cancellation.ts';

/** Limits of trying again. Times in milliseconds. */
export interface RetryPolicy {
  /** Attempts in all, the first included. */
  readonly tries: number;
  /** Wait before the second attempt; doubles with each further one. */
  readonly baseMs: number;
  /** Longest wait of our own choosing. */
  readonly capMs: number;
  /** Longest wait that a registry may ask for; over it we give up at once. */
  readonly retryAfterCapMs: number;
}

/** Time as the adapter needs it, given from outside so that tests don't wait. */
export interface Time {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Resolves after `ms`, or rejects when the signal is raised. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Uniform in [0, 1). */
  random(): number;
}

/**
 * What to wait before the next attempt: exponential, and by chance somewhere in its upper half, so that many clients
 * don't come back together. What the registry asked for is kept to, plus a little chance.
 * @param failed attempts that have failed so far, from 1
 * @returns undefined to give up
 */
export const delayAfter = (
  policy: RetryPolicy,
  failed: number,
  retryAfterMs: number | undefined,
  random: number,
): number | undefined => {
  if (failed >= policy.tries) return undefined;
  const own = Math.min(policy.capMs, policy.baseMs * 2 ** (failed - 1));
  if (retryAfterMs === undefined) return Math.round(own * (0.5 + random / 2));
  return retryAfterMs > policy.retryAfterCapMs
    ? undefined
    : Math.round(retryAfterMs + policy.baseMs * random);
};

/** `Retry-After` (RFC 9110, 10.2.3): seconds or a date. @returns milliseconds from now, undefined where it says nothing */
export const retryAfterOf = (header: string | string[] | undefined, nowMs: number): number | undefined => {
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
};

export interface Retrying {
  readonly policy: RetryPolicy;
  readonly time: Time;
  readonly signal?: AbortSignal | undefined;
  readonly log: (message: string) => void;
}

/** What an attempt threw may say of trying again; {@link file://./failure.ts} does. */
interface Attempted {
  readonly retryable: boolean;
  readonly retryAfterMs: number | undefined;
}

const retryable = (error: unknown): error is Error & Attempted =>
  error instanceof Error && 'retryable' in error && error.retryable === true;

/** Waits. @throws Rejection `cancelled` or `deadline-exceeded` naming what went before, when the signal is raised */
export const pause = async (
  { time, signal }: Pick<Retrying, 'time' | 'signal'>,
  ms: number,
  before: string,
): Promise<void> => {
  try {
    await time.sleep(ms, signal);
  } catch (error) {
    throw signal?.aborted ? cancellation(signal, before) : error;
  }
};

/** Runs `attempt` until it succeeds, fails for good, or the policy says stop; then throws what it threw last. */
export const retrying = async <T>(options: Retrying, attempt: () => Promise<T>): Promise<T> => {
  for (let failed = 1; ; failed += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!retryable(error) || options.signal?.aborted) throw error;
      const wait = delayAfter(options.policy, failed, error.retryAfterMs, options.time.random());
      if (wait === undefined) throw error;
      options.log(
        `${error.message}; trying again in ${wait} ms (attempt ${failed + 1} of ${options.policy.tries})`,
      );
      await pause(options, wait, error.message);
    }
  }
};
