import { hash } from 'node:crypto';
import { clientContainerEvents } from '../../src/domain/client-container.ts';
import type { Actor, Envelope } from '../../src/domain/envelope.ts';
import type { Timestamp } from '../../src/domain/identity.ts';
import { gcLabels } from '../../src/domain/labels.ts';
import { type Command, type DomainEvent, definitionOf, subjectOf } from '../../src/domain/world.ts';
import { type PlainEvent, START, TICK } from './host-stories.ts';

// Records that refer to one another, as events: what a collection must not have to look at.

const namespace = 'bench';
const actor: Actor = { uid: 0, gid: 0, pid: 4711, exe: '/usr/bin/ctr', client: 'bench' };
const digestOf = (text: string): string => `sha256:${hash('sha256', text, 'hex')}`;
const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const targetOf = (name: string) => ({ mediaType, digest: digestOf(`${name} manifest`), size: 1024 });

/** An event that the log of a host could hold at some position. */
export const envelopeAt = (event: PlainEvent, at: number): Envelope => {
  const { type, data } = event as unknown as DomainEvent;
  const time = { wall: (START + at * TICK) as Timestamp, mono: at * TICK, boot: 'bench' };
  const meta = { actor, time, correlation: `record-${at}` };
  const subject = subjectOf(event as unknown as DomainEvent);
  return { type, version: definitionOf(type)?.version ?? 1, subject, data, meta };
};

/** Layers that one image has, each an edge of the references. */
const layersOfOne = 8;
export const edgesOfImage = layersOfOne + 1;

/**
 * An image with its manifest and layers.
 * @param shared how many layers there are for all such images; each its own where absent
 */
export const imageEvents = (name: string, shared?: number): readonly PlainEvent[] => {
  const layers = Array.from({ length: layersOfOne }, (_, n) =>
    digestOf(
      shared === undefined ? `${name} layer ${n}` : `layer ${(Number.parseInt(name, 10) * 7 + n) % shared}`,
    ),
  );
  const labels = Object.fromEntries(layers.map((digest, n) => [`${gcLabels.content}.l.${n}`, digest]));
  const target = targetOf(name);
  const blobs = shared === undefined ? layers : [];
  return [
    ...blobs.map(
      (digest): PlainEvent => ({
        type: 'blob-committed',
        data: { namespace, digest, size: 10, labels: {} },
      }),
    ),
    { type: 'blob-committed', data: { namespace, digest: target.digest, size: 1024, labels } },
    { type: 'image-created', data: { namespace, name: `bench.test/${name}:1`, target, labels: {} } },
  ];
};

/** Takes the name of such an image away, which frees its manifest and the layers that are its own. */
export const imageRemoval = (name: string): Command =>
  ({ type: 'remove-image', namespace, name: `bench.test/${name}:1` }) as Command;

/** Blobs that a lease alone keeps: their events, and their bytes by the names of their files. */
export interface HeldBlobs {
  readonly lease: string;
  readonly events: readonly PlainEvent[];
  readonly bytes: ReadonlyMap<string, string>;
}

export const heldBlobs = (lease: string, count: number): HeldBlobs => {
  const texts = Array.from({ length: count }, (_, n) => `blob ${n} of ${lease}`);
  const events = texts.flatMap((text): readonly PlainEvent[] => {
    const digest = digestOf(text);
    const resource = { type: 'content', id: digest };
    return [
      { type: 'blob-committed', data: { namespace, digest, size: text.length, labels: {} } },
      { type: 'lease-resource-added', data: { namespace, id: lease, resource } },
    ];
  });
  const bytes = texts.map((text) => [hash('sha256', text, 'hex'), text] as const);
  const made: PlainEvent = { type: 'lease-created', data: { namespace, id: lease, labels: {} } };
  return { lease, events: [made, ...events], bytes: new Map(bytes) };
};

/** A container that a client described, with a small specification. */
export const containerEvent = (id: string): PlainEvent => {
  const { example } = clientContainerEvents['client-container-created'];
  const data = { ...example, namespace, id, imageName: '', snapshotter: '', snapshotKey: '' };
  return { type: 'client-container-created', data };
};

/** Records without bytes, in equal parts images, leases with what they hold, and containers of clients. */
export const recordEvents = (count: number): readonly PlainEvent[] =>
  Array.from({ length: count }, (_, n): readonly PlainEvent[] => {
    if (n % 3 === 0) {
      const name = `bench.test/record:${n}`;
      return [{ type: 'image-created', data: { namespace, name, target: targetOf(name), labels: {} } }];
    }
    if (n % 3 === 1) {
      const lease = { namespace, id: `record-${n}` };
      const resource = { type: 'content', id: digestOf(`held ${n}`) };
      return [
        { type: 'lease-created', data: { ...lease, labels: {}, expiresAt: 4_000_000_000_000_000 } },
        { type: 'lease-resource-added', data: { ...lease, resource } },
      ];
    }
    return [containerEvent(`record-${n}`)];
  }).flat();
