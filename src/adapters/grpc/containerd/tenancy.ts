import { LeaseId, Namespace } from '../../../domain/identity.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { CallContext } from '../handlers.ts';
import { parse } from '../parse.ts';

/** Headers of containerd's clients. */
const namespaceHeader = 'containerd-namespace';
const leaseHeader = 'containerd-lease';

/**
 * The first of a header's values, which HTTP/2 joins: containerd's clients put what counts before what a call had already, as
 * buildkit does with a lease within a lease.
 */
const firstOf = (text: string): string => {
  const comma = text.indexOf(',');
  return comma === -1 ? text : text.slice(0, comma).trim();
};

/** Namespaces that calls named lately: checking one takes longer than finding what is asked for. */
const known = new Map<string, Namespace>();
const mostKnown = 256;

const namespaceOf = (text: string): Namespace => {
  const seen = known.get(text);
  if (seen !== undefined) return seen;
  const namespace = parse(Namespace, text, namespaceHeader);
  if (known.size >= mostKnown) known.clear();
  known.set(text, namespace);
  return namespace;
};

/** The namespace of a call. @throws Rejection `failed-precondition` where it has none, in containerd's words */
export const tenantOf = ({ header }: CallContext): Namespace => {
  const text = firstOf(header(namespaceHeader));
  if (text === '') throw new Rejection('failed-precondition', 'namespace is required: failed precondition');
  return namespaceOf(text);
};

/** The lease that what a call makes is held by, if it names one. */
export const leaseOf = ({ header }: CallContext): LeaseId | undefined => {
  const text = firstOf(header(leaseHeader));
  return text === '' ? undefined : parse(LeaseId, text, leaseHeader);
};
