import { LeaseId, Namespace } from '../../../domain/identity.ts';
import { Rejection } from '../../../domain/rejection.ts';
import type { CallContext } from '../handlers.ts';
import { parse } from '../parse.ts';

/** Headers of containerd's clients. */
const namespaceHeader = 'containerd-namespace';
const leaseHeader = 'containerd-lease';

/** The namespace of a call. @throws Rejection `failed-precondition` where it has none, in containerd's words */
export const tenantOf = ({ header }: CallContext): Namespace => {
  const text = header(namespaceHeader);
  if (text === '') throw new Rejection('failed-precondition', 'namespace is required: failed precondition');
  return parse(Namespace, text, namespaceHeader);
};

/** The lease that what a call makes is held by, if it names one. */
export const leaseOf = ({ header }: CallContext): LeaseId | undefined => {
  const text = header(leaseHeader);
  return text === '' ? undefined : parse(LeaseId, text, leaseHeader);
};
