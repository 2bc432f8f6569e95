import { containerSubject } from '../domain/containers.ts';
import { blobSubject } from '../domain/content.ts';
import type { Subject } from '../domain/envelope.ts';
import type {
  ContainerId,
  Digest,
  ImageName,
  Labels,
  Namespace,
  SnapshotKey,
  SnapshotterName,
} from '../domain/identity.ts';
import { imageSubject } from '../domain/images.ts';
import { expiryOf, gcLabels } from '../domain/labels.ts';
import { snapshotSubject } from '../domain/snapshots.ts';
import type { NewNode } from './reference-graph.ts';

/** Whether a label is a prefix of containerd's itself or a longer name that begins with it and a separator. */
export const isNamed = (label: string, prefix: string): boolean =>
  label === prefix || label.startsWith(`${prefix}.`) || label.startsWith(`${prefix}/`);

const keeperIn = (namespace: Namespace, label: string, value: string): Subject | undefined => {
  if (isNamed(label, gcLabels.backContainer)) return containerSubject(namespace, value as ContainerId);
  if (isNamed(label, gcLabels.backContent)) return blobSubject(namespace, value as Digest);
  if (isNamed(label, gcLabels.backImage)) return imageSubject(namespace, value as ImageName);
  if (!label.startsWith(gcLabels.backSnapshot)) return undefined;
  const [snapshotter] = label.slice(gcLabels.backSnapshot.length).split('/', 1);
  if (!snapshotter) return undefined;
  return snapshotSubject({
    namespace,
    snapshotter: snapshotter as SnapshotterName,
    key: value as SnapshotKey,
  });
};

/** What the labels of a blob or snapshot say of its own keeping: for its own sake, up to a time, or by whom. */
export const standingOf = (
  namespace: Namespace,
  labels: Labels,
): Pick<NewNode, 'root' | 'rootUntil' | 'back'> => {
  const keepers: Subject[] = [];
  for (const label in labels) {
    const keeper = keeperIn(namespace, label, labels[label] ?? '');
    if (keeper !== undefined) keepers.push(keeper);
  }
  const until = expiryOf(labels);
  const root = labels[gcLabels.root] !== undefined;
  if (until === undefined && keepers.length === 0) return { root };
  return {
    root,
    ...(until === undefined ? {} : { rootUntil: until }),
    ...(keepers.length === 0 ? {} : { back: [...new Set(keepers)] }),
  };
};
