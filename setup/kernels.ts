// Assembles the WebAssembly texts of the sources into modules beside them: x.wat into x-code.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import loadWabt from 'wabt';

/** Texts, and the names under which their modules are exported. */
export const KERNELS = [
  { path: 'algorithms/row-kernels', name: 'ROW_KERNELS_CODE' },
  { path: 'algorithms/near-kernels', name: 'NEAR_KERNELS_CODE' },
  { path: 'dataset/images/resize-kernels', name: 'RESIZE_KERNELS_CODE' },
] as const;

/** The module of a WebAssembly text, in base64. */
export async function assemble(text: string): Promise<string> {
  const wabt = await loadWabt();
  const module = wabt.parseWat('kernels.wat', text, { simd: true });
  return Buffer.from(module.toBinary({}).buffer).toString('base64');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { path, name } of KERNELS) {
    const file = (ending: string): URL => new URL(`../${path}${ending}`, import.meta.url);
    const code = await assemble(readFileSync(file('.wat'), 'utf8'));
    const lines = code.match(/.{1,100}/g)!.map((line) => `  '${line}'`);
    const comment = `// The module of ${basename(path)}.wat in base64, written by \`npm run kernels\`.`;
    writeFileSync(file('-code.ts'), `${comment}\nexport const ${name} =\n${lines.join(' +\n')};\n`);
  }
}
