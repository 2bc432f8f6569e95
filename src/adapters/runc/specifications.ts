import { existsSync, readFileSync } from 'node:fs';
import { arch, hostname, release } from 'node:os';
import { join } from 'node:path';
import type { ProcessConfig, Resources } from '../../domain/container-config.ts';
import type { CreateTask, Secrets } from '../../engine/ports/runtime.ts';
import { capabilitiesFor, capabilitiesOfMask } from './capabilities.ts';
import { resolveDevices } from './devices.ts';
import { ContainerDocument, processText, specText } from './document.ts';
import { writeNetworkFiles } from './network-files.ts';
import { environment, ociProcess } from './process.ts';
import { resolveUser } from './resolve-user.ts';
import { type CgroupFacts, ociResources } from './resources.ts';
import { runtimeSpec } from './runtime-spec.ts';

export interface SpecificationsOptions {
  /** Control group above all containers; `/shiplog` when absent. */
  readonly cgroupParent?: string;
}

/** What the control groups of this host offer. A unified hierarchy beside version 1 controllers counts as version 1. */
export const readCgroupFacts = (): CgroupFacts =>
  existsSync('/sys/fs/cgroup/cgroup.controllers')
    ? { version: 2, swap: existsSync('/proc/swaps') }
    : { version: 1, swap: existsSync('/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes') };

/** The capabilities that this process could pass on: its bounding set. */
const readCapabilities = (): readonly string[] =>
  capabilitiesOfMask(/^CapBnd:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0');

/** Makes the OCI documents of containers on this host, as JSON text. */
export const createSpecifications = (options: SpecificationsOptions = {}) => {
  const cgroup = readCgroupFacts();
  const capabilities = readCapabilities();
  const host = { architecture: arch(), kernel: release() };
  const parent = options.cgroupParent ?? '/shiplog';

  return {
    /** The document for config.json. @param bundle takes the files that the container is given */
    async container(request: CreateTask, bundle: string): Promise<string> {
      const { task, config, secrets, rootfs } = request;
      const name = config.namespaces.uts === 'host' ? hostname() : config.hostname;
      const files = await writeNetworkFiles(config, name, join(bundle, 'etc'));
      return specText(
        runtimeSpec(config, {
          rootfs,
          user: resolveUser(rootfs, config.process.user),
          secrets,
          cgroupsPath: join(parent, task.namespace, task.id),
          hostname: name,
          files,
          devices: resolveDevices(config),
          capabilities,
          cgroup,
          host,
        }),
      );
    },

    /** The process document of an exec: bounded as the container is. @param container text of its config.json */
    async process(container: string, process: ProcessConfig, secrets: Secrets): Promise<string> {
      const document = ContainerDocument.parse(JSON.parse(container));
      const user = resolveUser(document.root.path, process.user);
      const { capabilities, apparmorProfile, oomScoreAdj, ...bounds } = document.process;
      const env = environment(process, secrets, { hostname: document.hostname, home: user.home });
      return processText(
        ociProcess(process, user, env, {
          ...bounds,
          capabilities: capabilitiesFor(capabilities.bounding, user.uid),
          ...(apparmorProfile === undefined ? {} : { apparmorProfile }),
          ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
        }),
      );
    },

    /** The LinuxResources document of an update. */
    resources(resources: Resources): string {
      return JSON.stringify(ociResources(resources, cgroup));
    },
  };
};
