import { z } from 'zod';
import { Digest, ImageName } from './identity.ts';

/**
 * Image references by the grammar of the distribution project, normalised as docker does:
 * `alpine` is `docker.io/library/alpine:latest`.
 */
export interface ImageReference {
  /** Registry host with optional port, `docker.io` for Docker Hub. */
  readonly registry: string;
  /** Path in the registry, such as `library/alpine`. */
  readonly repository: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const REGISTRY =
  /^(?:(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?$/;

const DOCKER_HUB = 'docker.io';

/** Registry and the rest, by docker's rule: a first part that looks like a host is one. */
const split = (text: string): { registry: string; rest: string } => {
  const slash = text.indexOf('/');
  const head = slash < 0 ? '' : text.slice(0, slash);
  const named =
    head.includes('.') || head.includes(':') || head === 'localhost' || head !== head.toLowerCase();
  if (slash < 0 || !named) {
    return { registry: DOCKER_HUB, rest: slash < 0 ? `library/${text}` : text };
  }
  const registry = head === 'index.docker.io' ? DOCKER_HUB : head;
  const rest = text.slice(slash + 1);
  return { registry, rest: registry === DOCKER_HUB && !rest.includes('/') ? `library/${rest}` : rest };
};

/** 64 hexadecimal digits alone are an image id, as docker holds it; taken for a name they would only confuse. */
const IMAGE_ID = /^[a-f0-9]{64}$/;
/** The longest that {@link ImageName} holds, with what normalising adds. */
const NAME_LIMIT = 512;

const portOutOfRange = (registry: string): boolean => Number(/:(\d+)$/.exec(registry)?.[1] ?? 1) > 65_535;

/** @returns the reference, or what is wrong with it */
const parse = (text: string): ImageReference | string => {
  if (text === '') return 'it is empty';
  if (text.length > NAME_LIMIT) return `it is longer than ${NAME_LIMIT} characters`;
  if (IMAGE_ID.test(text)) return 'this is an image id, not a name; write sha256:… for a digest after @';
  const at = text.indexOf('@');
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  const digest = digestText === undefined ? undefined : Digest.safeParse(digestText);
  if (digest && !digest.success) return `'${digestText}' is not a digest`;
  const { registry, rest } = split(at < 0 ? text : text.slice(0, at));
  if (!REGISTRY.test(registry) || portOutOfRange(registry)) return `'${registry}' is not a registry host`;
  const colon = rest.lastIndexOf(':');
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (repository.length > 255) return 'the repository is longer than 255 characters';
  if (!repository.split('/').every((part) => COMPONENT.test(part))) {
    return `'${repository}' is not a repository (lower-case letters, digits, separators)`;
  }
  if (tag !== undefined && !TAG.test(tag)) return `'${tag}' is not a tag`;
  const reference = digest
    ? { registry, repository, ...(tag === undefined ? {} : { tag }), digest: digest.data }
    : { registry, repository, tag: tag ?? 'latest' };
  return nameText(reference).length > NAME_LIMIT
    ? `its full name is longer than ${NAME_LIMIT} characters`
    : reference;
};

const nameText = ({ registry, repository, tag, digest }: ImageReference): string =>
  `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;

export const ImageReference = z.string().transform((text, context): ImageReference => {
  const parsed = parse(text);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: `image reference '${text.slice(0, 600)}': ${parsed}` });
  return z.NEVER;
});

/** The full name, as it stands in the log: `registry/repository[:tag][@digest]`. */
export const imageNameOf = (reference: ImageReference): ImageName => ImageName.parse(nameText(reference));

/** As docker prints it: without `docker.io/` and `library/`, where what is left still means the same. */
export const familiarName = (name: string): string => {
  if (!name.startsWith(`${DOCKER_HUB}/`)) return name;
  const path = name.slice(DOCKER_HUB.length + 1);
  const short = path.replace(/^library\/(?=[^/]+$)/, '');
  return split(short).registry === DOCKER_HUB && split(short).rest === path ? short : name;
};
