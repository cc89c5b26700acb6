const SOURCES = new URL("../", import.meta.url).href;
const COMPILED = new URL("../../dist/src/", import.meta.url).href;

/**
 * Where a worker's entry file is: compiled, beside its caller. Threads run what `npm run build` made also where the rest
 * runs from the sources: Node's type stripping is WebAssembly, which V8 does not bear in several threads
 * (docs/decisions/0005).
 */
export function workerFile(nameWithoutExtension: string, callerUrl: string): URL {
  const isSource = callerUrl.endsWith(".ts");
  const beside = isSource ? COMPILED + callerUrl.slice(SOURCES.length) : callerUrl;
  return new URL(`./${nameWithoutExtension}.js`, beside);
}
