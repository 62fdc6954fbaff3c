// Lines of a chart: scales, ticks, thinning and paths.

/** A line of a chart, [point] each; points that are no numbers interrupt it. */
export interface Series {
  name: string;
  xs: readonly number[];
  ys: readonly number[];
}

/** A range that holds all finite numbers; [0, 1] without one, and never empty. */
export function extent(lists: readonly (readonly number[])[]): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const list of lists) {
    for (const value of list) {
      if (!Number.isFinite(value)) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
    }
  }
  if (least > most) return [0, 1];
  return least === most ? [least - Math.abs(least || 1) / 2, most + Math.abs(most || 1) / 2] : [least, most];
}

/** About `count` round numbers in [least, most], by steps of 1, 2 or 5 times a power of ten. */
export function ticks([least, most]: readonly [number, number], count: number): number[] {
  const rough = (most - least) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  // The bounds are the geometric means of neighbouring steps.
  const over = rough / power;
  const step = power * (over >= Math.sqrt(50) ? 10 : over >= Math.sqrt(10) ? 5 : over >= Math.sqrt(2) ? 2 : 1);
  const first = Math.ceil(least / step - 1e-9);
  const last = Math.floor(most / step + 1e-9);
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, index) =>
    Number(((first + index) * step).toPrecision(12)),
  );
}

/**
 * At most `most` points of a line, the first and the last among them: of every stretch its lowest and its highest, so
 * that no peak is lost. Linear time.
 */
export function thinned({ name, xs, ys }: Series, most: number): Series {
  if (xs.length <= most) return { name, xs, ys };
  const stretches = Math.max(1, Math.floor((most - 2) / 2));
  const kept = new Set([0, xs.length - 1]);
  for (let stretch = 0; stretch < stretches; stretch += 1) {
    const start = Math.floor((stretch * xs.length) / stretches);
    const end = Math.floor(((stretch + 1) * xs.length) / stretches);
    let [low, high] = [start, start];
    for (let index = start; index < end; index += 1) {
      if (ys[index]! < ys[low]!) low = index;
      if (ys[index]! > ys[high]!) high = index;
    }
    kept.add(low).add(high);
  }
  const order = [...kept].sort((left, right) => left - right);
  return { name, xs: order.map((index) => xs[index]!), ys: order.map((index) => ys[index]!) };
}

/** Part of a line that a smoothed point is the mean of, half of it on each side. */
const SMOOTHED_SHARE = 0.05;

/** Each point as the mean of those around it; what is no number is left as it is and counts for nothing. */
export function smoothed({ name, xs, ys }: Series): Series {
  const reach = Math.round((SMOOTHED_SHARE * ys.length) / 2);
  return { name, xs, ys: ys.map((value, place) => (Number.isFinite(value) ? meanAround(ys, place, reach) : value)) };
}

function meanAround(values: readonly number[], place: number, reach: number): number {
  const around = values.slice(Math.max(0, place - reach), place + reach + 1).filter((value) => Number.isFinite(value));
  return around.reduce((sum, value) => sum + value, 0) / around.length;
}

/** The path of a line in a box of `width` × `height`, y upwards, to a tenth of a pixel: `M0,10L5,7.5`. */
export function pathOf(
  { xs, ys }: Series,
  x: readonly [number, number],
  y: readonly [number, number],
  width: number,
  height: number,
): string {
  let path = '';
  let isDown = false;
  for (let index = 0; index < xs.length; index += 1) {
    const [value, at] = [ys[index]!, xs[index]!];
    if (!Number.isFinite(value) || !Number.isFinite(at)) {
      isDown = false;
      continue;
    }
    const left = tenth(((at - x[0]) / (x[1] - x[0])) * width);
    const top = tenth(height - ((value - y[0]) / (y[1] - y[0])) * height);
    path += `${isDown ? 'L' : 'M'}${left},${top}`;
    isDown = true;
  }
  return path;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

/** What the lines say, for who does not see them: `warmup falls from 2.31 to 0.84 in 288 steps`. */
export function curveWords(series: readonly Series[], write: (value: number) => string): string {
  return series
    .map(({ name, xs, ys }) => {
      const finite = ys.filter((value) => Number.isFinite(value));
      const [first, last] = [finite[0], finite.at(-1)];
      if (first === undefined || last === undefined) return `${name} has no points`;
      const verb = last < first ? 'falls' : last > first ? 'rises' : 'stays';
      return `${name} ${verb} from ${write(first)} to ${write(last)} in ${xs.at(-1) ?? 0} steps`;
    })
    .join('; ');
}
