// Assembles algorithms/row-kernels.wat into algorithms/row-kernels-code.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import loadWabt from 'wabt';

/** The module of a WebAssembly text, in base64. */
export async function assemble(text: string): Promise<string> {
  const wabt = await loadWabt();
  const module = wabt.parseWat('row-kernels.wat', text, { simd: true });
  return Buffer.from(module.toBinary({}).buffer).toString('base64');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = new URL('../algorithms/', import.meta.url);
  const code = await assemble(readFileSync(new URL('row-kernels.wat', folder), 'utf8'));
  const lines = code.match(/.{1,100}/g)!.map((line) => `  '${line}'`);
  const comment = '/** The module of row-kernels.wat in base64, written by `npm run kernels`. */';
  const text = `${comment}\nexport const ROW_KERNELS_CODE =\n${lines.join(' +\n')};\n`;
  writeFileSync(new URL('row-kernels-code.ts', folder), text);
}
