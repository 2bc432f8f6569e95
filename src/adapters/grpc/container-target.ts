import type { ContainersApi, Named } from '../../engine/ports/api.ts';
import type { ResolveContainer } from './container-namespaces.ts';
import { namespaceOf, required } from './parse.ts';

/** The container that a request names: an id, the start of one, or a name. */
export const targetOf = (request: { namespace: string; container: string }): Named => ({
  namespace: namespaceOf(request.namespace),
  container: required(request.container, 'container'),
});

/** Asks the API which container a text means. */
export const resolver =
  (api: Pick<ContainersApi, 'inspect'>): ResolveContainer =>
  async (namespace, container) =>
    (await api.inspect({ namespace, container })).container.id;
