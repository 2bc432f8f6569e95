import type { Labels, Timestamp } from './identity.ts';

/**
 * `changes` over `labels`; an empty value takes a label away.
 * @returns `labels` itself where nothing changes, so that a repeated request decides no event
 */
export const mergeLabels = (labels: Labels, changes: Labels): Labels => {
  const changed = Object.entries(changes).filter(([name, value]) =>
    value === '' ? name in labels : labels[name] !== value,
  );
  if (changed.length === 0) return labels;
  const merged: Record<string, string> = { ...labels };
  for (const [name, value] of changed) {
    if (value === '') delete merged[name];
    else merged[name] = value;
  }
  return merged;
};

/** Labels that containerd and its clients use to say what keeps what. */
export const gcLabels = {
  root: 'containerd.io/gc.root',
  expire: 'containerd.io/gc.expire',
  /** Prefix; the rest is free (`.0`, `.config`, `.l.3`). The value is a digest. */
  content: 'containerd.io/gc.ref.content',
  /** Prefix; the rest is `<snapshotter>[/…]`. The value is a snapshot key. */
  snapshot: 'containerd.io/gc.ref.snapshot.',
  /** On a lease: it holds its content alone, not what that refers to. */
  flat: 'containerd.io/gc.flat',
  /** Prefixes as above, the other way round: the value names what keeps the bearer. */
  backContainer: 'containerd.io/gc.bref.container',
  backContent: 'containerd.io/gc.bref.content',
  backImage: 'containerd.io/gc.bref.image',
  backSnapshot: 'containerd.io/gc.bref.snapshot.',
} as const;

/** The label that holds a layer's uncompressed digest on its blob. */
export const uncompressedLabel = 'containerd.io/uncompressed';

const RFC3339 = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** When the `containerd.io/gc.expire` label says that its bearer's time is over; undefined where it says no time. */
export const expiryOf = (labels: Labels): Timestamp | undefined => {
  const text = labels[gcLabels.expire];
  if (text === undefined || !RFC3339.test(text)) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ((ms * 1000) as Timestamp);
};
