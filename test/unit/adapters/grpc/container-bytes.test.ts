import { create, fromBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { containerBytes } from '../../../../src/adapters/grpc/containerd/container-bytes.ts';
import { ContainerId, type Timestamp } from '../../../../src/domain/identity.ts';
import type { ContainerRecord } from '../../../../src/engine/ports/store/containers.ts';
import {
  GetContainerResponseSchema,
  ListContainersResponseSchema,
} from '../../../../src/gen/containerd/services/containers/v1/containers_pb.ts';

const bare: ContainerRecord = {
  id: ContainerId.parse('bare'),
  imageName: '',
  runtime: { name: 'io.containerd.runc.v2' },
  snapshotter: '',
  snapshotKey: '',
  labels: {},
  extensions: {},
  createdAt: 0 as Timestamp,
  updatedAt: 0 as Timestamp,
};

const full: ContainerRecord = {
  id: ContainerId.parse('full'),
  imageName: 'docker.io/library/größe:1',
  runtime: { name: 'io.containerd.runc.v2', options: { typeUrl: 'options', base64: 'AAH/gA==' } },
  spec: { typeUrl: 'spec', json: `{"of":"${'ü'.repeat(5000)}"}` },
  snapshotter: 'overlayfs',
  snapshotKey: 'key',
  labels: { tier: 'front', empty: '', ['long'.repeat(50)]: 'x'.repeat(300) },
  extensions: { one: { typeUrl: 'a', json: '{}' }, two: { typeUrl: '', base64: '' } },
  sandbox: 'pod',
  createdAt: 1_795_303_715_205_001 as Timestamp,
  updatedAt: 1_795_303_716_000_000 as Timestamp,
};

const message = (record: ContainerRecord, fields: object) => ({
  id: record.id,
  runtime: { name: 'io.containerd.runc.v2' },
  createdAt: {},
  updatedAt: {},
  ...fields,
});
const asMessages = [
  message(bare, {}),
  message(full, {
    labels: full.labels,
    image: 'docker.io/library/größe:1',
    runtime: {
      name: 'io.containerd.runc.v2',
      options: { typeUrl: 'options', value: Uint8Array.of(0, 1, 255, 128) },
    },
    spec: { typeUrl: 'spec', value: new TextEncoder().encode(`{"of":"${'ü'.repeat(5000)}"}`) },
    snapshotter: 'overlayfs',
    snapshotKey: 'key',
    createdAt: { seconds: 1_795_303_715n, nanos: 205_001_000 },
    updatedAt: { seconds: 1_795_303_716n },
    extensions: { one: { typeUrl: 'a', value: new TextEncoder().encode('{}') }, two: {} },
    sandbox: 'pod',
  }),
];

const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)));

describe('the bytes of a container', () => {
  it.each([
    ['with nothing in it', bare, 0],
    ['with all that there is', full, 1],
  ])('are those of an answer that holds it: %s', (_, record, at) => {
    const read = fromBinary(GetContainerResponseSchema, new Uint8Array(containerBytes(record)));
    expect(plain(read)).toEqual(plain(create(GetContainerResponseSchema, { container: asMessages[at] })));
    expect(read.$unknown).toBeUndefined();
  });

  it.each([
    ['before 1970', -1_500_000, { seconds: -2n, nanos: 500_000_000 }],
    ['in its last second', -250_000, { seconds: -1n, nanos: 750_000_000 }],
    ['in the first second after', 250_000, { nanos: 250_000_000 }],
    ['at the end of 32 bits', 4_294_967_295_000_001, { seconds: 4_294_967_295n, nanos: 1000 }],
    ['after that', 4_294_967_296_000_000, { seconds: 4_294_967_296n }],
  ])('tell a time %s', (_, us, told) => {
    const times = { createdAt: us as Timestamp, updatedAt: us as Timestamp };
    const read = fromBinary(
      GetContainerResponseSchema,
      new Uint8Array(containerBytes({ ...bare, ...times })),
    );
    const expected = message(bare, { createdAt: told, updatedAt: told });
    expect(plain(read)).toEqual(plain(create(GetContainerResponseSchema, { container: expected })));
  });

  it('after one another are a list', () => {
    const bytes = new Uint8Array(Buffer.concat([bare, full].map(containerBytes)));
    const read = fromBinary(ListContainersResponseSchema, bytes);
    expect(plain(read)).toEqual(plain(create(ListContainersResponseSchema, { containers: asMessages })));
  });
});
