import { Rejection } from '../../domain/rejection.ts';

/** `deadline-exceeded` where a time limit raised the signal, else `cancelled`. */
export const cancellation = (signal: AbortSignal, doing: string): Rejection => {
  const late = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
  return late
    ? new Rejection('deadline-exceeded', `${doing}: not done in the time given`, { cause: signal.reason })
    : new Rejection('cancelled', `${doing}: cancelled`, { cause: signal.reason });
};
