import { z } from 'zod';
import { subject } from './envelope.ts';
import { type CommandsOf, defineEvent, type EventsOf, type Fact } from './event.ts';
import { Descriptor, ImageName, Labels, Namespace, type Timestamp } from './identity.ts';
import { mergeLabels } from './labels.ts';
import { PersistentMap } from './persistent-map.ts';
import { Rejection } from './rejection.ts';

// Identity: an image is a name, within a namespace, for a target descriptor.
export const imageSubject = (namespace: Namespace, name: ImageName) => subject('image', namespace, name);
const keyOf = (namespace: Namespace, name: ImageName) => `${namespace}/${name}`;

// Events. Names and fields are the storage format.
const record = z.object({ namespace: Namespace, name: ImageName, target: Descriptor, labels: Labels });
const example = {
  namespace: 'default',
  name: 'docker.io/library/busybox:latest',
  target: {
    mediaType: 'application/vnd.oci.image.index.v1+json',
    digest: `sha256:${'ab'.repeat(32)}`,
    size: 1024,
  },
  labels: {},
};
export const imageEvents = {
  'image-created': defineEvent({
    version: 1,
    order: 'record',
    says: 'A name was given to content; it keeps what it points at.',
    data: record,
    example,
  }),
  'image-updated': defineEvent({
    version: 1,
    order: 'record',
    says: 'A name was moved to other content, or its labels changed.',
    data: record,
    example,
  }),
  'image-removed': defineEvent({
    version: 1,
    order: 'record',
    says: 'A name was taken away; what nothing else keeps becomes garbage.',
    data: z.object({ namespace: Namespace, name: ImageName, target: Descriptor }),
    example: { namespace: example.namespace, name: example.name, target: example.target },
  }),
};
export type ImageEvent = EventsOf<typeof imageEvents>;

// State
export interface Image {
  readonly namespace: Namespace;
  readonly name: ImageName;
  readonly target: Descriptor;
  readonly labels: Labels;
  readonly createdAt: Timestamp;
  readonly updatedAt: Timestamp;
}
export type Images = PersistentMap<Image>;
export const noImages: Images = PersistentMap.empty();
export const findImage = (state: Images, namespace: Namespace, name: ImageName): Image | undefined =>
  state.get(keyOf(namespace, name));

// Evolve
export const evolveImages = (state: Images, event: Fact<ImageEvent>): Images => {
  const key = keyOf(event.data.namespace, event.data.name);
  const at = event.meta.time.wall;
  switch (event.type) {
    case 'image-created':
      return state.set(key, { ...event.data, createdAt: at, updatedAt: at });
    case 'image-updated':
      return state.set(key, { ...event.data, createdAt: state.get(key)?.createdAt ?? at, updatedAt: at });
    case 'image-removed':
      return state.delete(key);
    default:
      return event satisfies never;
  }
};

// Commands
export const imageCommands = {
  'create-image': record,
  /** Creates, or moves an existing name; labels are merged. */
  'set-image': record,
  'update-image': record,
  'remove-image': z.object({ namespace: Namespace, name: ImageName }),
};
export type ImageCommand = CommandsOf<typeof imageCommands>;

// Decide
export const decideImage = (command: ImageCommand, state: Images): readonly ImageEvent[] | Rejection => {
  const { namespace, name } = command;
  const image = findImage(state, namespace, name);
  if (!image && (command.type === 'remove-image' || command.type === 'update-image')) {
    return new Rejection('not-found', `image '${name}' does not exist in namespace '${namespace}'`);
  }
  switch (command.type) {
    case 'create-image':
    case 'set-image':
    case 'update-image': {
      const { type, ...data } = command;
      if (!image) return [{ type: 'image-created', data }];
      if (type === 'create-image') {
        return new Rejection('already-exists', `image '${name}' exists already in namespace '${namespace}'`);
      }
      const labels = mergeLabels(image.labels, data.labels);
      const same = labels === image.labels && sameTarget(image.target, data.target);
      return same ? [] : [{ type: 'image-updated', data: { ...data, labels } }];
    }
    case 'remove-image':
      return image ? [{ type: 'image-removed', data: { namespace, name, target: image.target } }] : [];
    default:
      return command satisfies never;
  }
};

const sameTarget = (a: Descriptor, b: Descriptor): boolean =>
  a.digest === b.digest &&
  a.mediaType === b.mediaType &&
  a.size === b.size &&
  sameTexts(a.annotations ?? {}, b.annotations ?? {});

type Texts = Readonly<Record<string, string>>;
const sameTexts = (a: Texts, b: Texts): boolean =>
  Object.keys(a).length === Object.keys(b).length &&
  Object.entries(a).every(([name, value]) => b[name] === value);
