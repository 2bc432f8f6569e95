import type { Api } from '../../engine/ports/api.ts';
import type { Logger } from '../../engine/ports/logger.ts';
import { type Services, served } from './handlers.ts';

/** Shiplog's own services. */
export const ownServices = (api: Api, logger: Logger): Services => ({
  'shiplog.v1.Images': async () => {
    const { Images } = await import('../../gen/shiplog/v1/images_pb.ts');
    const { imagesService } = await import('./images.ts');
    return served(Images, imagesService(api.images));
  },
  'shiplog.v1.Containers': async () => {
    const { Containers } = await import('../../gen/shiplog/v1/containers_pb.ts');
    const { containersService } = await import('./containers.ts');
    return served(Containers, containersService(api.containers, logger));
  },
  'shiplog.v1.Log': async () => {
    const { Log } = await import('../../gen/shiplog/v1/log_pb.ts');
    const { logService } = await import('./log.ts');
    return served(Log, logService(api.log));
  },
  'shiplog.v1.System': async () => {
    const { System } = await import('../../gen/shiplog/v1/system_pb.ts');
    const { systemService } = await import('./system.ts');
    return served(System, systemService(api.system));
  },
  'shiplog.v1.Proofs': async () => {
    const { Proofs } = await import('../../gen/shiplog/v1/proofs_pb.ts');
    const { proofsService } = await import('./proofs.ts');
    return served(Proofs, proofsService(api.proofs));
  },
  'shiplog.v1.Resources': async () => {
    const { Resources } = await import('../../gen/shiplog/v1/resources_pb.ts');
    const { resourcesService } = await import('./resources.ts');
    return served(Resources, resourcesService(api.resources));
  },
  'shiplog.v1.Time': async () => {
    const { Time } = await import('../../gen/shiplog/v1/time_pb.ts');
    const { timeService } = await import('./time.ts');
    return served(Time, timeService(api.time));
  },
  'shiplog.v1.Keeping': async () => {
    const { Keeping } = await import('../../gen/shiplog/v1/keeping_pb.ts');
    const { keepingService } = await import('./keeping.ts');
    return served(Keeping, keepingService(api.keeping));
  },
});
