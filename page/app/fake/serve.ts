// Serves the built page over made-up runs, to look at it by hand: `npx tsx page/app/fake/serve.ts [PORT]`.
import { fileURLToPath } from 'node:url';
import { recipeJsonSchema } from '../../../client/recipe/json-schema.ts';
import { startFakeServer } from './fake-server.ts';

const folder = fileURLToPath(new URL('../../../dist/page-app', import.meta.url));
const { address } = await startFakeServer({
  folder,
  schema: recipeJsonSchema(),
  port: Number(process.argv[2] ?? 0),
});
console.log(address);
