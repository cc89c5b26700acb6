export default {
  testEnvironment: "node",
  // Only test/: dist/ holds compiled copies that must not run a second time.
  roots: ["<rootDir>/test"],
  // Floods of thousands of connections disturb the tests beside them: `npm run test:hardening` runs them alone.
  testPathIgnorePatterns: process.env.HARDENING === "on" ? [] : ["/test/wire/hardening"],
  // A leaked handle must not hold up CI; elsewhere jest says so and waits.
  forceExit: process.env.CI === "true",
  extensionsToTreatAsEsm: [".ts"],
  transform: {
    "\\.ts$": ["@swc/jest", { jsc: { parser: { syntax: "typescript" }, target: "es2024" } }],
  },
};
