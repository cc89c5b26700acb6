export default {
  testEnvironment: "node",
  // Only test/: dist/ holds compiled copies that must not run a second time.
  roots: ["<rootDir>/test"],
  // Ten thousand connections disturb the tests beside them, and those disturb what takes times: `npm run test:hardening`
  // and `npm run test:no-tells` run these alone.
  testPathIgnorePatterns: [
    ...(process.env.RUN_ALONE === "on" ? [] : ["/test/wire/hardening-figures", "/test/wire/limits-no-tells"]),
    // About files that are there on SQLite only (docs/scaling.md says which and why), or on both by themselves.
    ...(process.env.TEST_POSTGRES_URL === undefined
      ? []
      : ["/test/contract/sqlite-", "/test/crash/codes-at-rest", "/test/crash/killed-rotation"]),
  ],
  globalTeardown: "<rootDir>/test/support/leak-guard.js",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2024" } }],
  },
};
