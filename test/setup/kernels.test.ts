import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NEAR_KERNELS_CODE } from '../../algorithms/near-kernels-code.ts';
import { ROW_KERNELS_CODE } from '../../algorithms/row-kernels-code.ts';
import { RESIZE_KERNELS_CODE } from '../../dataset/images/resize-kernels-code.ts';
import { KERNELS, assemble } from '../../setup/kernels.ts';

const CODES = { NEAR_KERNELS_CODE, ROW_KERNELS_CODE, RESIZE_KERNELS_CODE };

test.each(KERNELS)('the module of $path is what its text says', async ({ path, name }) => {
  expect(await assemble(readFileSync(`${path}.wat`, 'utf8'))).toBe(CODES[name]);
});
