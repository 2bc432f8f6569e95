import { findLease } from '../domain/leases.ts';
import type { Command, World } from '../domain/world.ts';
import type { Repair } from './repair.ts';
import { dispatch } from './steps.ts';
import { leaseOf } from './transfer.ts';

/** Transfers that the daemon's end cut off: nobody waits for them any more; what they brought is kept for the next try. */
export function* transferRepairs(world: World): Generator<Repair> {
  for (const { namespace, id, verb, what } of world.transfer.values()) {
    const lease = leaseOf(id);
    const commands: Command[] = [
      {
        type: 'fail-transfer',
        namespace,
        id,
        code: 'aborted',
        error: `the daemon stopped during the ${verb} of ${what}`,
      },
    ];
    if (findLease(world.lease, namespace, lease))
      commands.push({ type: 'delete-lease', namespace, id: lease });
    yield { mend: () => dispatch(...commands) };
  }
}
