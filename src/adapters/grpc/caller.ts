import type { Metadata } from '@grpc/grpc-js';
import { z } from 'zod';
import { clientHeader, decodeHeader, reasonHeader } from '../../client/metadata.ts';
import { Rejection } from '../../domain/rejection.ts';
import type { Cause } from '../../engine/ports/cause.ts';
import { maxClientNameLength, maxReasonLength } from './limits.ts';
import { parse } from './parse.ts';
import type { Peer } from './peer.ts';

/** A header of a call; empty where there is none. */
export const headerOf = (metadata: Metadata, name: string): string => {
  const [value] = metadata.get(name);
  return value === undefined ? '' : decodeHeader(String(value));
};

/** What the caller calls itself; containerd's clients say it in the header that all gRPC clients have. */
const clientOf = (metadata: Metadata): string =>
  headerOf(metadata, clientHeader) || headerOf(metadata, 'user-agent').slice(0, maxClientNameLength);

/** Whether a caller tells of itself in headers of ours, whose lengths are to be checked. */
export const saysMuch = (metadata: Metadata): boolean =>
  metadata.get(clientHeader).length > 0 || metadata.get(reasonHeader).length > 0;

const ClientName = z.string().max(maxClientNameLength);
const Reason = z.string().max(maxReasonLength);

/**
 * Who calls and why: the process by the kernel's word, its name for itself and its reason by its own.
 * @throws Rejection `invalid-argument` where a header is too long, `unauthenticated` where the peer is not known
 */
export const causeOf = (metadata: Metadata, peer: Peer | undefined, correlation: string): Cause => {
  if (!peer) {
    throw new Rejection('unauthenticated', 'the caller cannot be told; connect to the unix socket directly');
  }
  const client = parse(ClientName, clientOf(metadata), clientHeader);
  const reason = parse(Reason, headerOf(metadata, reasonHeader), reasonHeader);
  const { uid, gid, pid, exe } = peer;
  return { actor: { uid, gid, pid, exe, client }, correlation, ...(reason === '' ? {} : { reason }) };
};
