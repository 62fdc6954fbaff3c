// What activities are given by the worker that runs them.
import type { Store } from '../../store/store.ts';
import type { ModelHost } from './model-host.ts';

/** What light activities need. */
export interface ControlDependencies {
  /** The store at an address; the same object for the same address. */
  openStore(uri: string): Store;
}

/** What heavy activities need. */
export interface ComputeDependencies extends ControlDependencies {
  models: ModelHost;
}
