export default {
  testEnvironment: "node",
  // Only test/: dist/ holds compiled copies that must not run a second time.
  roots: ["<rootDir>/test"],
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2024" } }],
  },
};
