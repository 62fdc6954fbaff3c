// The selector `tive`.
import { drawWeighted } from './draws.ts';
import type { Selector } from './selector.ts';

/** TIVE: within a task p ∝ e^{λs}. @see arXiv:2403.09559 */
export const tive: Selector<'tive'> = (request) =>
  drawWeighted(request, request.columns.instance_value, request.settings);
