import type { Position } from '../../domain/identity.ts';
import type { Rejection } from '../../domain/rejection.ts';

interface Waiter {
  readonly until: Position;
  resolve(until: Position): void;
  reject(reason: Rejection): void;
}

/** Those who wait until everything below a position is durable. */
export class Waiters {
  #waiting: Waiter[] = [];

  /** @returns the position, once all below it is durable */
  until(until: Position): Promise<Position> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ until, resolve, reject });
    });
  }

  /** Everything below is durable. */
  reached(durable: Position): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (waiter.until <= durable) waiter.resolve(waiter.until);
      else this.#waiting.push(waiter);
    }
  }

  /** Nothing that they wait for will become durable. */
  refuse(reason: Rejection): void {
    const given = this.#waiting;
    this.#waiting = [];
    for (const waiter of given) waiter.reject(reason);
  }
}
