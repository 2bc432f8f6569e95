import type { Container } from '../domain/containers.ts';
import type { Namespace } from '../domain/identity.ts';
import { Rejection } from '../domain/rejection.ts';
import type { World } from '../domain/world.ts';
import { type ContainerView, containerStatuses, containersOf, containerView } from './containers.ts';
import { type FilterTable, parseFilters } from './filters.ts';
import { fullName, resolveImage, startsDigest } from './images.ts';

export interface ContainerListing {
  /** Also those that don't run; a filter on `status` or `exited` implies it. */
  readonly all: boolean;
  /** Docker's: `status`, `name` (part of it), `label`, `ancestor`, `id` (start of it), `exited`; as `key=value`. */
  readonly filters: readonly string[];
}

const madeFrom = (world: World, namespace: Namespace, text: string) => {
  const name = fullName(text);
  const image = resolveImage(world, namespace, text);
  const digest = image instanceof Rejection ? undefined : image.target.digest;
  return ({ image: from }: ContainerView): boolean =>
    from !== undefined &&
    (from.name === name ||
      (from.digest !== undefined &&
        (from.digest === digest || (text.length >= 4 && startsDigest(text, from.digest)))));
};

const table = (world: World, namespace: Namespace): FilterTable<ContainerView> => ({
  status: (value) => {
    const status = containerStatuses.find((one) => one === value);
    if (status) return (view) => view.status === status;
    return new Rejection('invalid-argument', `status '${value}' is none of ${containerStatuses.join(', ')}`);
  },
  name: (value) => (view) => view.name.includes(value.replace(/^\//, '')),
  id: (value) => (view) => view.id.startsWith(value),
  label: (value) => {
    const equals = value.indexOf('=');
    if (equals < 0) return (view) => Object.hasOwn(view.labels, value);
    return (view) => view.labels[value.slice(0, equals)] === value.slice(equals + 1);
  },
  ancestor: (value) => madeFrom(world, namespace, value),
  exited: (value) => {
    if (!/^\d{1,3}$/.test(value)) {
      return new Rejection('invalid-argument', `exited '${value}' is no exit code; give 0 to 255`);
    }
    return (view) => view.status === 'exited' && view.exitCode === Number(value);
  },
});

/**
 * The containers of a namespace that match, newest first, each looked at when its turn comes: there may be a hundred
 * thousand. `invalid-argument`, at once, for a filter that makes no sense.
 */
export const listContainers = (
  world: World,
  namespace: Namespace,
  { all, filters }: ContainerListing,
): Iterable<ContainerView> | Rejection => {
  const matches = parseFilters(filters, table(world, namespace), ['label']);
  if (matches instanceof Rejection) return matches;
  const everything = all || filters.some((filter) => /^(?:status|exited)=/.test(filter));
  return {
    *[Symbol.iterator]() {
      for (const container of newestFirst(containersOf(world, namespace))) {
        const view = containerView(world, container);
        const shown = everything || view.status === 'running' || view.status === 'paused';
        if (shown && matches(view)) yield view;
      }
    },
  };
};

const newestFirst = (containers: readonly Container[]): readonly Container[] =>
  [...containers].sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
