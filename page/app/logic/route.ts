// Where the page is: the part of the address behind `#`, as a path and named values, so that a link shows the same.

/** What is shown. */
export type Place =
  | { view: 'runs' }
  | { view: 'run'; runName: string }
  | { view: 'rows'; runName: string }
  | { view: 'what-if'; runName: string }
  | { view: 'compare' }
  | { view: 'start' }
  | { view: 'unknown'; path: string };

/** What is shown, and how: filters, sorting, what is open. Values are texts, as in the address. */
export interface Route {
  place: Place;
  values: Readonly<Record<string, string>>;
}

const VIEWS_OF_RUN = { rows: 'rows', 'what-if': 'what-if' } as const;

/** The route of `#/runs/NAME/rows?task=ocr`; nothing is the list of runs. */
export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#/, '');
  const cut = text.indexOf('?');
  const path = cut === -1 ? text : text.slice(0, cut);
  const values = Object.fromEntries(new URLSearchParams(cut === -1 ? '' : text.slice(cut + 1)));
  return { place: placeOf(path), values };
}

function placeOf(path: string): Place {
  const parts = path.split('/').filter((part) => part !== '');
  const [first, runName, view] = parts.map(decoded);
  if (first === undefined) return { view: 'runs' };
  if (parts.length === 1 && (first === 'runs' || first === 'compare' || first === 'start')) return { view: first };
  if (first !== 'runs' || runName === undefined || parts.length > 3) return { view: 'unknown', path };
  if (view === undefined) return { view: 'run', runName };
  if (!Object.hasOwn(VIEWS_OF_RUN, view)) return { view: 'unknown', path };
  return { view: VIEWS_OF_RUN[view as keyof typeof VIEWS_OF_RUN], runName };
}

/** A part of a path as it was before it was encoded; what is no encoding stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The address of a route; values that are empty are left out. `parseRoute` of it gives the route again. */
export function formatRoute({ place, values }: Route): string {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== '')).toString();
  return `#${pathOf(place)}${query === '' ? '' : `?${query}`}`;
}

function pathOf(place: Place): string {
  switch (place.view) {
    case 'runs':
    case 'compare':
    case 'start':
      return `/${place.view}`;
    case 'run':
      return `/runs/${encodeURIComponent(place.runName)}`;
    case 'rows':
    case 'what-if':
      return `/runs/${encodeURIComponent(place.runName)}/${place.view}`;
    case 'unknown':
      return place.path;
  }
}

/** The address of a view, with values. */
export function linkTo(place: Place, values: Record<string, string> = {}): string {
  return formatRoute({ place, values });
}

/** Values with some changed; an empty one is taken away. */
export function changed(
  values: Readonly<Record<string, string>>,
  changes: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(Object.entries({ ...values, ...changes }).filter(([, value]) => value !== ''));
}
