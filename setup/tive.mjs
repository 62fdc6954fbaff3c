#!/usr/bin/env node
// The command `tive`. In a checkout it first sets up what is missing; see bootstrap.mjs.
import { bootstrap } from './bootstrap.mjs';

bootstrap();
const { main } = await import('../dist/client/main.js');
await main(process.argv);
