// What node:process exports by default, without the import: scripts/build-service.mjs says why.
export default globalThis.process;
