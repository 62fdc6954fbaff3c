// Four kinds of tests by what they need: `vitest run --project unit` for one of them.
import { configDefaults, defineConfig } from 'vitest/config';
import { HeavyFirst } from './test/heavy-first.ts';

/** Runs of a whole cluster that faults strike. */
const CHAOS = ['test/chaos/**/*.test.ts'];

/** The command line and other programs: in this process, or in ones of their own. */
const CLI = [
  'test/client/{cluster,commands,runs}/**/*.test.ts',
  'test/client/data/data-command.test.ts',
  'test/engines/**/*.test.ts',
  'test/examples/{forms,models}.test.ts',
  'test/model/memory/peak.test.ts',
  'test/setup/{bootstrap,cache}.test.ts',
  'test/store/s3-store.test.ts',
  'test/workers/supervisor.test.ts',
  'test/operations/{compose,metrics}.test.ts',
  'test/page/app/{built,in-browser,keyboard}.test.ts',
  'test/page/server/what-if.test.ts',
];

/** Workflows on a Temporal server, and their bundle. */
const TEMPORAL = ['test/workflows/**/*.test.ts'];

const project = (name: string, include: string[], options: object = {}) => ({
  extends: true as const,
  test: { name, include, ...options },
});

/** Modules are loaded once, not once a file: a third of the time. */
const SHARED = { isolate: false };

/**
 * Code of the build is loaded as it is, and the build is of these sources. Small runs compute by TensorFlow's own
 * kernels: oneDNN compiles one for every shape first, a sixth of the processor time of such a run.
 */
const onBuild = {
  env: { TF_ENABLE_ONEDNN_OPTS: '0' },
  globalSetup: ['test/build.mjs'],
  server: { deps: { external: [/\/dist\/.*\.js$/] } },
};

export default defineConfig({
  test: {
    pool: 'forks',
    // One more than cores: runs of whole clusters wait for heartbeats and restarts much of their time.
    maxWorkers: 3,
    sequence: { sequencer: HeavyFirst },
    setupFiles: ['test/setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    env: { TF_CPP_MIN_LOG_LEVEL: '2', TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
    projects: [
      project('unit', ['test/**/*.test.ts'], {
        exclude: [...configDefaults.exclude, ...CHAOS, ...CLI, ...TEMPORAL],
        ...SHARED,
      }),
      project('temporal', TEMPORAL, { globalSetup: ['test/workflows/bundle-once.ts'], ...SHARED }),
      project('cli', CLI, onBuild),
      project('chaos', CHAOS, onBuild),
    ],
  },
});
