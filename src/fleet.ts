import { openFleetLogs } from './adapters/eventstoredb/fleet-logs.ts';
import { fleetOf } from './engine/fleet.ts';
import type { Fleet } from './engine/ports/fleet.ts';

/** Reads logs of many hosts where they are together. @throws Rejection `invalid-argument` for the string */
export const openFleet = (connectionString: string): Fleet => fleetOf(openFleetLogs({ connectionString }));
