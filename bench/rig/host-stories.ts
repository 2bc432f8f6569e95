import { hash } from 'node:crypto';
import type { z } from 'zod';
import { containerEvents } from '../../src/domain/containers.ts';
import type { EventDefinition } from '../../src/domain/event.ts';
import { gcLabels, uncompressedLabel } from '../../src/domain/labels.ts';
import type { eventTables } from '../../src/domain/world.ts';

/**
 * What happens on a busy host, as the events of one request each. A story keeps the host's records right, so that what
 * comes next follows from what was.
 */

/** Microseconds since the epoch of the first event, and from one event to the next. */
export const START = 1_780_000_000_000_000;
export const TICK = 250_000;

type Inputs<T extends Record<string, EventDefinition>> = {
  readonly [K in keyof T & string]: { readonly type: K; readonly data: z.input<T[K]['data']> };
}[keyof T & string];
type Tables = typeof eventTables;
/** An event as plain data, before its names are branded. */
export type PlainEvent = { readonly [K in keyof Tables]: Inputs<Tables[K]> }[keyof Tables];

/** Who asks: an index into the actors of a history. */
export type Teller = 'daemon' | 'operator' | 'deployer' | 'user';

/** A batch of events. `causedBy` counts back from it: 1 is the event just before. */
export interface Step {
  readonly events: readonly PlainEvent[];
  readonly by: Teller;
  readonly causedBy?: number;
}
export type Story = Generator<Step, void>;

interface LiveImage {
  readonly name: string;
  readonly manifest: string;
  readonly config: string;
  /** Digests of its own layers and the chain ids they are unpacked under, base first. */
  readonly layers: readonly { readonly digest: string; readonly chainId: string }[];
  readonly below: string | undefined;
}
export interface LiveContainer {
  readonly id: string;
  readonly name: string;
  readonly image: LiveImage;
  readonly pid: number;
  /** Position of the event that started it, in events from the start. */
  readonly since: number;
}

const namespace = 'default';
const snapshotter = 'overlayfs';
const hex = (text: string): string => hash('sha256', text, 'hex');
const digestOf = (text: string): string => `sha256:${hex(text)}`;
const { example } = containerEvents['container-created'];

/** A host and all that lives on it. Everything follows from the seed. */
export class Host {
  readonly containers: LiveContainer[] = [];
  readonly images: LiveImage[] = [];
  readonly #random: () => number;
  #fresh = 0;
  /** Events told so far, kept by who places them. */
  next = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** A whole number below `limit`. */
  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #name(what: string): string {
    this.#fresh += 1;
    return `${what}-${this.#fresh}`;
  }

  *start(): Story {
    const data = { version: '0.1.0', hostId: '01jd8kq3v5w9x7y2z4a6b8c0d1', pid: 700 + this.below(30_000) };
    yield { by: 'daemon', events: [{ type: 'daemon-started', data }] };
    const found = { adopted: this.containers.length, ended: 0, lost: 0, divergences: 0 };
    yield { by: 'daemon', causedBy: 1, events: [{ type: 'recovery-finished', data: found }] };
  }

  *restart(): Story {
    yield { by: 'operator', events: [{ type: 'daemon-stopped', data: { because: 'SIGTERM' } }] };
    yield* this.start();
  }

  /** Pulls an image of three layers, the lowest shared with one that is here, where there is one. */
  *pull(): Story {
    const tag = this.#name('app');
    const base = this.images[0];
    const id = `pull-${tag}`;
    const lease = { namespace, id };
    const name = `docker.io/library/${tag}:latest`;
    yield {
      by: 'deployer',
      events: [
        { type: 'transfer-started', data: { namespace, id: tag, verb: 'pull', what: name } },
        { type: 'lease-created', data: { ...lease, labels: {}, expiresAt: 4_000_000_000_000_000 } },
      ],
    };
    const below = base?.layers[0]?.chainId;
    const layers = (base ? ['middle', 'top'] : ['base', 'middle', 'top']).map((part) => ({
      digest: digestOf(`${tag} ${part}`),
      chainId: digestOf(`${tag} ${part} chain`),
    }));
    const manifest = digestOf(`${tag} manifest`);
    const config = digestOf(`${tag} config`);
    const ref = gcLabels.content;
    const layerDigests = [
      ...(base?.layers[0] ? [base.layers[0].digest] : []),
      ...layers.map((one) => one.digest),
    ];
    const manifestLabels = Object.fromEntries([
      [`${ref}.config`, config],
      ...layerDigests.map((digest, at) => [`${ref}.l.${at}`, digest] as const),
    ]);
    yield* this.#fetch(id, manifest, 1024, {});
    yield {
      by: 'deployer',
      causedBy: 1,
      events: [{ type: 'blob-labelled', data: { namespace, digest: manifest, labels: manifestLabels } }],
    };
    yield* this.#fetch(id, config, 2048, {});
    for (const { digest, chainId } of layers) {
      const size = 1_000_000 + this.below(50_000_000);
      yield* this.#fetch(id, digest, size, { [uncompressedLabel]: digestOf(chainId) });
    }
    let parent = below;
    for (const { chainId } of layers) {
      yield* this.#unpack(id, chainId, parent);
      parent = chainId;
    }
    const top = layers.at(-1)?.chainId ?? '';
    const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: manifest, size: 1024 };
    const labels = { [`${gcLabels.snapshot}${snapshotter}`]: top };
    yield {
      by: 'deployer',
      causedBy: 1,
      events: [{ type: 'blob-labelled', data: { namespace, digest: config, labels } }],
    };
    yield {
      by: 'deployer',
      causedBy: 1,
      events: [{ type: 'image-created', data: { namespace, name, target, labels: {} } }],
    };
    yield {
      by: 'deployer',
      causedBy: 1,
      events: [
        { type: 'lease-deleted', data: { ...lease, cause: { by: 'request' } } },
        { type: 'transfer-finished', data: { namespace, id: tag, digest: manifest, bytes: 90_000_000 } },
      ],
    };
    this.images.push({ name, manifest, config, layers, below });
  }

  *#fetch(lease: string, digest: string, size: number, labels: Record<string, string>): Story {
    const ref = `fetch-${digest}`;
    const held = { namespace, id: lease };
    yield {
      by: 'deployer',
      causedBy: 1,
      events: [
        { type: 'ingest-started', data: { namespace, ref, digest, size } },
        { type: 'lease-resource-added', data: { ...held, resource: { type: 'ingests', id: ref } } },
      ],
    };
    yield {
      by: 'deployer',
      causedBy: 2,
      events: [
        { type: 'blob-committed', data: { namespace, digest, size, labels, ref } },
        { type: 'lease-resource-added', data: { ...held, resource: { type: 'content', id: digest } } },
      ],
    };
  }

  *#unpack(lease: string, chainId: string, parent: string | undefined): Story {
    const key = `extract-${this.#name('x')} ${chainId}`;
    const type = `snapshots/${snapshotter}`;
    const held = { namespace, id: lease };
    const at = { namespace, snapshotter, key };
    yield {
      by: 'deployer',
      causedBy: 1,
      events: [
        {
          type: 'snapshot-prepared',
          data: { ...at, id: this.#name('s').replace('-', ''), kind: 'active', labels: {} },
        },
        { type: 'lease-resource-added', data: { ...held, resource: { type, id: key } } },
      ],
    };
    const usage = { bytes: 4096 * (1 + this.below(10_000)), inodes: 1 + this.below(2000) };
    const named = { ...at, name: chainId, usage, labels: {}, ...(parent === undefined ? {} : { parent }) };
    yield {
      by: 'deployer',
      causedBy: 2,
      events: [
        { type: 'snapshot-committed', data: named },
        { type: 'lease-resource-added', data: { ...held, resource: { type, id: chainId } } },
      ],
    };
  }

  /** Takes the name of the oldest image that nothing runs from and nothing builds on; gc takes the rest. */
  *removeImage(): Story {
    const used = new Set(this.containers.map(({ image }) => image));
    const at = this.images.findIndex((image, index) => index > 0 && !used.has(image));
    const [image] = at < 0 ? [] : this.images.splice(at, 1);
    if (image === undefined) return;
    const { name, manifest, config, layers } = image;
    const target = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: manifest, size: 1024 };
    const freedBy = String(this.next);
    yield { by: 'operator', events: [{ type: 'image-removed', data: { namespace, name, target } }] };
    const cause = { by: 'gc' as const, freedBy };
    const blobs = [manifest, config, ...layers.map(({ digest }) => digest)].map(
      (digest): PlainEvent => ({
        type: 'blob-removed',
        data: { namespace, digest, size: 1024, lastHolder: true, cause },
      }),
    );
    const snapshots = [...layers].reverse().map(
      ({ chainId }, n): PlainEvent => ({
        type: 'snapshot-removed',
        data: { namespace, snapshotter, key: chainId, id: `gone${this.next}x${n}`, cause },
      }),
    );
    yield { by: 'daemon', causedBy: 1, events: [...blobs, ...snapshots] };
  }

  *run(): Story {
    const name = this.#name('web');
    const id = hex(name);
    const image = this.images[this.below(this.images.length)];
    if (image === undefined) return;
    const it = { namespace, id };
    const pid = 1000 + this.below(4_000_000);
    const parent = image.layers.at(-1)?.chainId;
    const process = { ...example.config.process, args: ['httpd', '-f', '-p', String(this.below(60_000))] };
    yield {
      by: 'user',
      events: [
        {
          type: 'snapshot-prepared',
          data: {
            namespace,
            snapshotter,
            key: id,
            id: this.#name('s').replace('-', ''),
            kind: 'active',
            labels: {},
            ...(parent === undefined ? {} : { parent }),
          },
        },
        {
          type: 'container-created',
          data: {
            ...example,
            ...it,
            name,
            image: { name: image.name, digest: image.manifest },
            snapshotKey: id,
            config: { ...example.config, process, hostname: id.slice(0, 12) },
            labels: { tier: this.below(2) === 0 ? 'front' : 'back' },
          },
        },
        { type: 'task-create-requested', data: it },
      ],
    };
    yield { by: 'user', causedBy: 1, events: [{ type: 'task-created', data: { ...it, pid } }] };
    yield { by: 'user', causedBy: 1, events: [{ type: 'task-start-requested', data: it }] };
    yield { by: 'user', causedBy: 1, events: [{ type: 'task-started', data: { ...it, pid } }] };
    this.containers.push({ id, name, image, pid, since: this.next });
  }

  *exec(at: LiveContainer): Story {
    const it = { namespace, id: at.id, execId: this.#name('e') };
    const process = { ...example.config.process, args: ['wget', '-q', 'http://localhost/health'] };
    yield { by: 'user', events: [{ type: 'exec-requested', data: { ...it, process } }] };
    yield { by: 'user', causedBy: 1, events: [{ type: 'exec-started', data: { ...it, pid: at.pid + 1 } }] };
    const end = { exitCode: this.below(20) === 0 ? 1 : 0, exitedAt: START + this.next * TICK };
    yield { by: 'daemon', causedBy: 1, events: [{ type: 'exec-exited', data: { ...it, ...end } }] };
  }

  *label(at: LiveContainer): Story {
    const labels = { tier: 'front', seen: String(this.below(1_000_000)) };
    yield {
      by: 'operator',
      events: [{ type: 'container-labelled', data: { namespace, id: at.id, labels } }],
    };
  }

  /** Stops a container, by a signal or of its own, and removes it; gc takes its writable root. */
  *end(index: number): Story {
    const [gone] = this.containers.splice(index, 1);
    if (gone === undefined) return;
    const it = { namespace, id: gone.id };
    const asked = this.below(3) === 0;
    if (asked) {
      yield {
        by: 'operator',
        events: [{ type: 'task-signal-requested', data: { ...it, signal: 15, all: false } }],
      };
      yield {
        by: 'operator',
        causedBy: 1,
        events: [{ type: 'task-signalled', data: { ...it, signal: 15 } }],
      };
    }
    const exitCode = asked ? 143 : this.below(10) === 0 ? 1 : 0;
    const ended = { ...it, exitCode, exitedAt: START + this.next * TICK };
    yield { by: 'daemon', causedBy: 1, events: [{ type: 'task-exited', data: ended }] };
    yield { by: 'daemon', causedBy: 1, events: [{ type: 'task-deleted', data: it }] };
    const freedBy = String(this.next);
    yield {
      by: 'operator',
      causedBy: 1,
      events: [{ type: 'container-removed', data: { ...it, name: gone.name } }],
    };
    const root = { namespace, snapshotter, key: gone.id, id: `root${this.next}` };
    const cause = { by: 'gc' as const, freedBy };
    yield { by: 'daemon', causedBy: 1, events: [{ type: 'snapshot-removed', data: { ...root, cause } }] };
  }
}
