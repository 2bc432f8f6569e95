import { type Activation, findActivation } from '../domain/activations.ts';
import { ActivationId, type ActivationName, type LeaseId, type Namespace } from '../domain/identity.ts';
import { type MountPlan, type PlannedMount, planMounts } from '../domain/mount-plan.ts';
import { fillTemplates, takeDirectories } from '../domain/mount-templates.ts';
import { asRejection, Rejection } from '../domain/rejection.ts';
import type { RemovalCause } from '../domain/removal.ts';
import type { DomainEvent, World } from '../domain/world.ts';
import { type FieldOf, labelField } from '../projections/containerd-filters.ts';
import type { Ledger } from './ledger.ts';
import type { Cause } from './ports/cause.ts';
import type { Clock, Names } from './ports/clock.ts';
import type { Logger } from './ports/logger.ts';
import type { MountFolders } from './ports/mount-folders.ts';
import type { Mounter } from './ports/mounts.ts';
import type { ActiveMount, MountStore, MountsInfo, NewMounts } from './ports/store/mounts.ts';
import { replacing } from './store/labels.ts';
import { filtered } from './store/select.ts';

export interface MountKeeperParts {
  readonly ledger: Ledger;
  readonly mounter: Mounter;
  readonly folders: MountFolders;
  readonly clock: Clock;
  readonly names: Names;
  readonly logger: Logger;
}

/** Longest text of a failure that goes into the log, in characters. */
const errorLimit = 4096;

/**
 * Makes mounts for clients, each activation in a folder of its own: the log names it before the first mount, and lets go of
 * it before the first is taken away, so that a folder that the log doesn't name is swept at the next start.
 */
export class MountKeeper implements MountStore {
  readonly #parts: MountKeeperParts;
  #following: { unsubscribe(): void } | undefined;

  constructor(parts: MountKeeperParts) {
    this.#parts = parts;
  }

  /**
   * Takes away what no activation holds, and lets go of activations whose mounts are not there any more; from then on
   * activations end with their leases.
   * @param cause the daemon's own
   */
  async recover(cause: Cause): Promise<void> {
    const { ledger, mounter, folders } = this.#parts;
    const mounted = new Set(await mounter.under(folders.root));
    for (const activation of [...ledger.head.world.activation.values()]) {
      const { namespace, name, status, active } = activation;
      const whole = status === 'mounted' && active.every(({ point }) => mounted.has(point));
      if (whole && !orphaned(ledger.head.world, activation)) continue;
      const because = status === 'mounting' ? 'the daemon stopped while it mounted' : 'mounts are gone';
      if (status === 'mounting') {
        await ledger.dispatch([{ type: 'fail-activation', namespace, name, error: because }], cause);
      } else {
        await ledger.dispatch(
          [{ type: 'remove-activation', namespace, name, cause: { by: 'recovery', because } }],
          cause,
        );
      }
    }
    const held = new Set([...ledger.head.world.activation.values()].map(({ id }) => id as string));
    for (const id of await folders.list()) if (!held.has(id)) await this.#sweep(id, [...mounted]);
    this.#following = ledger.recorded.subscribe((fact) => this.#react(fact, cause));
  }

  stop(): void {
    this.#following?.unsubscribe();
  }

  async activate(namespace: Namespace, wanted: NewMounts, { cause }: Asked): Promise<MountsInfo> {
    const { ledger, names } = this.#parts;
    const { name, mounts, labels, temporary, lease } = wanted;
    const plan = planMounts(mounts, temporary);
    const id = ActivationId.parse(names.sortable());
    const given = { namespace, name, id, mounts: [...mounts], temporary, labels };
    const intent = { type: 'request-activation' as const, ...given };
    await ledger.dispatch([{ ...intent, ...(lease === undefined ? {} : { lease }) }], cause);
    const active: ActiveMount[] = [];
    try {
      await this.#mountAll(id, plan, active);
      const system = await this.#left(plan, active, temporary);
      const made = active.map((each) => ({ ...each }));
      await ledger.dispatch(
        [{ type: 'confirm-activation', namespace, name, active: made, system: [...system] }],
        cause,
      );
    } catch (error) {
      await this.#takeAway(id, active).catch((left: unknown) => this.#leftOver(id, left));
      const words = asRejection(error).message.slice(0, errorLimit);
      await ledger.dispatch([{ type: 'fail-activation', namespace, name, error: words }], cause);
      throw error;
    }
    const made = this.#find(ledger.head.world, namespace, name);
    if (orphaned(ledger.head.world, made)) await this.#remove(made, { by: 'gc' }, cause);
    return this.info(namespace, name);
  }

  async deactivate(namespace: Namespace, name: ActivationName, { cause }: Asked): Promise<void> {
    const found = this.#find(this.#parts.ledger.head.world, namespace, name);
    if (found.status === 'mounting') {
      throw new Rejection('unavailable', `mount "${name}" is being made; try again when it is: unavailable`);
    }
    await this.#remove(found, { by: 'request' }, cause);
  }

  info(namespace: Namespace, name: ActivationName): MountsInfo {
    return this.#find(this.#parts.ledger.durable.world, namespace, name);
  }

  async update(
    namespace: Namespace,
    name: ActivationName,
    { labels, replace }: { readonly labels: MountsInfo['labels']; readonly replace: boolean },
    { cause }: Asked,
  ): Promise<MountsInfo> {
    const { ledger } = this.#parts;
    const found = this.#find(ledger.head.world, namespace, name);
    const changes = replace ? replacing(found.labels, labels) : labels;
    await ledger.dispatch([{ type: 'label-activation', namespace, name, labels: changes }], cause);
    return this.info(namespace, name);
  }

  list(namespace: Namespace, filters: readonly string[]): readonly MountsInfo[] {
    const all = [...this.#parts.ledger.durable.world.activation.values()].filter(
      (activation) => activation.namespace === namespace,
    );
    return filtered(all, filters, fieldsOf).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  #find(world: World, namespace: Namespace, name: ActivationName): Activation {
    const found = findActivation(world.activation, namespace, name);
    if (found) return found;
    throw new Rejection('not-found', `mount "${name}": not found`);
  }

  /** @param active grows by each mount that is made */
  async #mountAll(id: ActivationId, plan: MountPlan, active: ActiveMount[]): Promise<void> {
    const { mounter, folders, clock } = this.#parts;
    for (const [at, planned] of plan.mounts.slice(0, plan.own).entries()) {
      const mount = await this.#prepare(planned, active);
      const point = folders.pointOf(id, at + 1);
      await mounter.mount([mount], point);
      active.push({ mount, point, at: clock.now().wall });
    }
  }

  /** What is left for the client: only the first of it may have asked for something to be filled in. */
  async #left(plan: MountPlan, active: readonly ActiveMount[], temporary: boolean) {
    if (temporary) {
      const source = active.at(-1)?.point ?? '';
      return [{ type: 'bind', source, target: '', options: ['rbind'] }];
    }
    const left = [];
    for (const planned of plan.mounts.slice(plan.own)) left.push(await this.#prepare(planned, active));
    return left;
  }

  async #prepare({ mount, preparations }: PlannedMount, active: readonly ActiveMount[]) {
    let prepared = mount;
    for (const preparation of preparations) {
      switch (preparation) {
        case 'format':
          prepared = fillTemplates(prepared, active);
          break;
        case 'mkdir': {
          const { mount: rest, directories } = takeDirectories(prepared);
          for (const directory of directories) await this.#parts.folders.make(directory);
          prepared = rest;
          break;
        }
        default:
          preparation satisfies never;
      }
    }
    return prepared;
  }

  async #remove({ namespace, name, id, active }: Activation, why: RemovalCause, cause: Cause): Promise<void> {
    await this.#parts.ledger.dispatch([{ type: 'remove-activation', namespace, name, cause: why }], cause);
    await this.#takeAway(id, active);
  }

  /** The last mount goes first. @throws Rejection of the first that stays, once all were tried */
  async #takeAway(id: string, active: readonly Pick<ActiveMount, 'point'>[]): Promise<void> {
    const { mounter, folders } = this.#parts;
    const failures: unknown[] = [];
    for (const { point } of [...active].reverse()) {
      await mounter.unmount(point).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
    await folders.remove(id);
  }

  async #sweep(id: string, mounted: readonly string[]): Promise<void> {
    const { folders } = this.#parts;
    const folder = `${folders.root}/${id}/`;
    const points = mounted.filter((point) => point.startsWith(folder)).sort();
    try {
      await this.#takeAway(
        id,
        points.map((point) => ({ point })),
      );
    } catch (error) {
      this.#leftOver(id, error);
    }
  }

  #leftOver(id: string, error: unknown): void {
    this.#parts.logger.warn('mounts that nobody holds are left; the next start tries again', { id, error });
  }

  /** Activations end with their leases. */
  #react(fact: DomainEvent, daemon: Cause): void {
    if (fact.type !== 'lease-deleted') return;
    const { namespace, id } = fact.data;
    for (const activation of this.#parts.ledger.head.world.activation.values()) {
      if (!heldBy(activation, namespace, id) || activation.status === 'mounting') continue;
      this.#remove(activation, { by: 'gc' }, daemon).catch((error: unknown) => {
        this.#parts.logger.warn('mounts could not be taken away with their lease', {
          namespace,
          name: activation.name,
          error,
        });
      });
    }
  }
}

interface Asked {
  readonly cause: Cause;
}

const heldBy = (activation: Activation, namespace: Namespace, lease: LeaseId): boolean =>
  activation.namespace === namespace && activation.lease === lease;

/** Whether the lease that it ends with has ended. */
const orphaned = (world: World, { namespace, lease }: Activation): boolean =>
  lease !== undefined && world.lease.get(`${namespace}/${lease}`) === undefined;

/** What filters can ask of mounts. */
const fieldsOf =
  ({ name, labels }: MountsInfo): FieldOf =>
  (path) => {
    if (path[0] === 'name') return name;
    return path[0] === 'labels' ? labelField(labels, path) : undefined;
  };
