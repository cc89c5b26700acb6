/** Reasons of the refusals that come by themselves where many callers work on one user, or many codes are under way. */
export const EXPECTED_REFUSALS: readonly string[] = [
  "CODE_INVALID",
  "CODE_SUPERSEDED",
  "CODE_ALREADY_USED",
  "NO_CODE",
  "CODE_USED_UP",
  "USER_ALREADY_EXISTS",
];
