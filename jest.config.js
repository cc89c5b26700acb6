export default {
  testEnvironment: "node",
  // Only test/: dist/ holds compiled copies that must not run a second time.
  roots: ["<rootDir>/test"],
  // Ten thousand connections disturb the tests beside them: `npm run test:hardening` runs them alone.
  testPathIgnorePatterns: process.env.HARDENING === "on" ? [] : ["/test/wire/hardening-figures"],
  globalTeardown: "<rootDir>/test/support/leak-guard.js",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2024" } }],
  },
};
