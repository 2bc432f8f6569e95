import type { Store } from '../ports/store/store.ts';
import { Checkpoints } from './checkpoints.ts';
import { containerStore } from './containers.ts';
import { contentStore } from './content.ts';
import { diffService } from './diff.ts';
import { eventService } from './events.ts';
import { imageStore } from './images.ts';
import { introspection } from './introspection.ts';
import { leaseStore } from './leases.ts';
import { namespaceStore } from './namespaces.ts';
import type { StoreParts } from './parts.ts';
import { sandboxServices } from './sandboxes.ts';
import { snapshotServices } from './snapshots.ts';
import { streamExchange } from './streaming.ts';
import { taskStore } from './tasks.ts';
import { transferService } from './transfer.ts';

/** Everything that containerd's services are served from. */
export const storeOf = (parts: StoreParts): Store => {
  const content = contentStore(parts);
  const diff = diffService({ ...parts, content });
  const snapshots = snapshotServices(parts);
  return {
    namespaces: namespaceStore(parts.ledger),
    containers: containerStore(parts),
    tasks: taskStore(parts, new Checkpoints(parts, parts.processImages, content)),
    content,
    images: imageStore(parts),
    leases: leaseStore(parts),
    diff,
    events: eventService(parts),
    introspection: introspection(parts),
    sandboxes: sandboxServices(parts, parts.sandboxes),
    mounts: parts.mounts,
    streams: streamExchange(),
    transfer: transferService({ ...parts, diff, snapshots }),
    snapshots,
  };
};
