/** The policy that benchmarks run under: the defaults of the settings. */
import type { Policy } from "../src/verification/environment.ts";

export const BENCH_POLICY: Policy = {
  codeTtlMs: 3_600_000,
  maxAttemptsPerClient: 5,
  maxAttemptsPerCode: 50,
  liveCodes: 1,
  maxFailuresPerDay: 100,
  defaultUrlTemplate: "https://bench.example/verify?code={{.Code}}&userId={{.UserID}}",
  links: { allowedHosts: undefined },
};
