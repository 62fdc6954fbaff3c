// WebAssembly as this folder uses it, typed without a browser's library.

/** The part of `WebAssembly` used here: TypeScript knows it only together with all of a browser. */
interface WebAssemblyApi {
  Module: new (code: Uint8Array) => object;
  Instance: new (module: object) => { exports: unknown };
}

/** Instances of a module in base64 that imports nothing; it is compiled when the first is made. */
export function moduleInstances<Exports>(code: string): () => Exports {
  let compiled: object | undefined;
  return () => {
    const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi }).WebAssembly;
    compiled ??= new Module(Buffer.from(code, 'base64'));
    return new Instance(compiled).exports as Exports;
  };
}
