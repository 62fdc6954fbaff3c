// Kinds of values that a recipe's keys take, each with its words for any way in which a value is wrong.
import { z } from 'zod';

type Issue = { input?: unknown };

/** `must be …, got …` for any way in which the value is wrong. */
export const says = (what: string) => ({
  error: ({ input }: Issue) => `must be ${what}, got ${shown(input)}`,
});

function shown(input: unknown): string {
  if (typeof input === 'number') return String(input);
  return input === undefined ? 'nothing' : JSON.stringify(input);
}

export const integer = (least: number, most = Number.MAX_SAFE_INTEGER) => {
  const what = says(
    most === Number.MAX_SAFE_INTEGER
      ? `a whole number of at least ${least}`
      : `a whole number from ${least} to ${most}`,
  );
  return z.number(what).int(what).min(least, what).max(most, what);
};

/** A whole number, or `auto`. */
export const integerOrAuto = (least: number) => {
  const what = says(`auto or a whole number of at least ${least}`);
  return z.union([z.literal('auto'), z.number().int().min(least)], what);
};

/** Nothing by 0, or a whole number of a range. */
export const noneOrInteger = (least: number, most: number) => {
  const what = says(`0 or a whole number from ${least} to ${most}`);
  return z.union([z.literal(0), z.number().int().min(least).max(most)], what);
};

/** In (0, 1]; who wrote per cent is told. */
export const fraction = () => {
  const what = {
    error: ({ input }: Issue) =>
      `must be in (0, 1], got ${shown(input)}` +
      (typeof input === 'number' && input > 1 && input <= 100 ? `; write ${input / 100} for ${input} %` : ''),
  };
  return z.number(what).gt(0, what).lte(1, what);
};

/** In [0, 1]. */
export const share = () => {
  const what = says('in [0, 1]');
  return z.number(what).min(0, what).max(1, what);
};

export const positive = () => {
  const what = says('a number above 0');
  return z.number(what).positive(what);
};

export const notNegative = () => {
  const what = says('a number of at least 0');
  return z.number(what).min(0, what);
};

export const powerOfTwo = (most: number) => {
  const what = says(`a power of two from 2 to ${most}`);
  return z.number(what).refine((value) => value >= 2 && value <= most && Number.isInteger(Math.log2(value)), what);
};

export const oneOf = <const Options extends readonly string[]>(...options: Options) =>
  z.enum(options, says(`one of ${options.join(', ')}`));

export const text = (what = 'text') => z.string(says(what)).min(1, says(what));

/** A path of this machine, or where `remote` is said an address in a bucket. */
export const place = (what: string, remote = false) =>
  text(what).regex(remote ? /^(?!(?!s3:)[a-z][a-z\d+.-]*:\/\/)/i : /^(?![a-z][a-z\d+.-]*:\/\/)/i, says(what));

export const flag = () => z.boolean(says('true or false'));

export const list = <Item extends z.ZodType>(item: Item, what: string) => z.array(item, says(what));

/** A section of the recipe; without it all its keys have their defaults. */
export const section = <Shape extends z.ZodRawShape>(description: string, shape: Shape) =>
  z
    .strictObject(shape, says('a map of keys'))
    .prefault({} as never)
    .describe(description);
