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

const split = (text: string): { registry: string; rest: string } => {
  const slash = text.indexOf('/');
  const head = slash < 0 ? '' : text.slice(0, slash);
  const named =
    head.includes('.') || head.includes(':') || head === 'localhost' || head !== head.toLowerCase();
  if (slash < 0 || !named) {
    return { registry: 'docker.io', rest: slash < 0 ? `library/${text}` : text };
  }
  const registry = head === 'index.docker.io' ? 'docker.io' : head;
  const rest = text.slice(slash + 1);
  return { registry, rest: registry === 'docker.io' && !rest.includes('/') ? `library/${rest}` : rest };
};

/** @returns the reference, or what is wrong with it */
const parse = (text: string): ImageReference | string => {
  const at = text.indexOf('@');
  const digestText = at < 0 ? undefined : text.slice(at + 1);
  const digest = digestText === undefined ? undefined : Digest.safeParse(digestText);
  if (digest && !digest.success) return `'${digestText}' is not a digest`;
  const { registry, rest } = split(at < 0 ? text : text.slice(0, at));
  if (!REGISTRY.test(registry)) return `'${registry}' is not a registry host`;
  const colon = rest.lastIndexOf(':');
  const repository = colon < 0 ? rest : rest.slice(0, colon);
  const tag = colon < 0 ? undefined : rest.slice(colon + 1);
  if (repository.length > 255) return 'the repository is longer than 255 characters';
  if (!repository.split('/').every((part) => COMPONENT.test(part))) {
    return `'${repository}' is not a repository (lower-case letters, digits, separators)`;
  }
  if (tag !== undefined && !TAG.test(tag)) return `'${tag}' is not a tag`;
  if (digest) return { registry, repository, ...(tag === undefined ? {} : { tag }), digest: digest.data };
  return { registry, repository, tag: tag ?? 'latest' };
};

export const ImageReference = z.string().transform((text, context): ImageReference => {
  const parsed = parse(text);
  if (typeof parsed !== 'string') return parsed;
  context.addIssue({ code: 'custom', message: `image reference '${text}': ${parsed}` });
  return z.NEVER;
});

/** The full name, as it stands in the log: `registry/repository[:tag][@digest]`. */
export const imageNameOf = (reference: ImageReference): ImageName =>
  ImageName.parse(
    `${reference.registry}/${reference.repository}` +
      (reference.tag === undefined ? '' : `:${reference.tag}`) +
      (reference.digest === undefined ? '' : `@${reference.digest}`),
  );

/** As docker prints it: without `docker.io/library/`. */
export const familiarName = (name: string): string => name.replace(/^docker\.io\/(?:library\/)?/, '');
