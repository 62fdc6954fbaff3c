// The route as a signal: the address changes it, and it changes the address.
import { signal } from '@preact/signals';
import { changed, formatRoute, parseRoute } from '../logic/route.ts';
import type { Route } from '../logic/route.ts';

/** Where the page is. */
export const route = signal<Route>(parseRoute(location.hash));

addEventListener('hashchange', () => (route.value = parseRoute(location.hash)));

/** Changes values of the address where it is; the way back skips it, but for steps that are worth one. */
export function setValues(changes: Readonly<Record<string, string>>, isStep = false): void {
  const next = { place: route.value.place, values: changed(route.value.values, changes) };
  const hash = formatRoute(next);
  if (isStep) history.pushState(null, '', hash);
  else history.replaceState(null, '', hash);
  route.value = next;
}
