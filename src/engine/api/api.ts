import type { Api } from '../ports/api.ts';
import { archivesApi } from './archives.ts';
import { containersApi } from './containers.ts';
import type { Engine } from './engine.ts';
import { imagesApi } from './images.ts';
import { keepingApi } from './keeping.ts';
import { logApi } from './log.ts';
import { resourcesApi } from './resources.ts';
import { sessionsApi } from './sessions.ts';
import { systemApi } from './system.ts';
import { timeApi } from './time.ts';

/** Everything that the daemon does. */
export const apiOf = (engine: Engine): Api => ({
  images: { ...imagesApi(engine), ...archivesApi(engine) },
  containers: { ...containersApi(engine), ...sessionsApi(engine) },
  log: logApi(engine),
  system: systemApi(engine),
  resources: resourcesApi(engine),
  proofs: engine.proofs,
  time: timeApi(engine),
  keeping: keepingApi(engine),
});
