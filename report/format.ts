// Numbers and texts as the report writes them.

const NO_BREAK = '\u00a0';
const MINUS = '\u2212';
const NONE = '–';

/** `1,194`; a dash for null. */
export function count(value: number | null): string {
  return value === null ? NONE : String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** A fraction as `42.6 %`, with one decimal unless said; a dash for null. */
export function percent(fraction: number | null, decimals = 1): string {
  return fraction === null ? NONE : `${signless(100 * fraction, decimals)}${NO_BREAK}%`;
}

/** A share as `15 %` or `14.3 %`: no decimal where it would be a zero, `< 0.1 %` where rounding would hide it. */
export function share(fraction: number): string {
  if (fraction > 0 && fraction < 0.0005) return `<${NO_BREAK}0.1${NO_BREAK}%`;
  return percent(fraction, (100 * fraction).toFixed(1).endsWith('.0') ? 0 : 1);
}

/** A number with as many decimals as it needs to show three significant digits; a dash for null. */
export function number(value: number | null): string {
  if (value === null) return NONE;
  const size = Math.abs(value);
  if (size !== 0 && (size < 0.001 || size >= 1e6)) return value.toExponential(2).replace('-', MINUS);
  return signless(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** A difference of fractions in percentage points: `−2.5`, `+1.1`, `0.0`. */
export function points(difference: number): string {
  const text = (100 * Math.abs(difference)).toFixed(1);
  if (Number(text) === 0) return text;
  return difference < 0 ? `${MINUS}${text}` : `+${text}`;
}

/** `−4.1 to −1.0` */
export function pointsInterval([low, high]: readonly [number, number]): string {
  return `${points(low)} to ${points(high)}`;
}

/** `640 ms`, `41 s`, `12 min 5 s`, `3 h 20 min`; a dash for null. */
export function duration(milliseconds: number | null): string {
  if (milliseconds === null) return NONE;
  if (milliseconds < 1000) return `${Math.round(milliseconds)}${NO_BREAK}ms`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds}${NO_BREAK}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${NO_BREAK}min${NO_BREAK}${seconds % 60}${NO_BREAK}s`;
  return `${Math.floor(minutes / 60)}${NO_BREAK}h${NO_BREAK}${minutes % 60}${NO_BREAK}min`;
}

/** `1 row`, `2 rows`. */
export function plural(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** Text cut to a number of characters, with an ellipsis. */
export function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}

function signless(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace('-', '') : text.replace('-', MINUS);
}
