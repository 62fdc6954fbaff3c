// The selector `tive_instance`.
import { drawWeighted } from './draws.ts';
import type { Selector } from './selector.ts';

/** TIVE without task values: as `tive` within a task, its quotas are by size. */
export const tiveInstance: Selector<'tive_instance'> = (request) =>
  drawWeighted(request, request.columns.instance_value, request.settings);
