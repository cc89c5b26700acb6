/** `countersign/client` in Node. */
export { callFailure, type CallCode, type CallFailure, type FieldViolation } from "./call-failure.ts";
export * from "./contract.ts";
export { createCountersignClient, type ClientOptions, type CountersignClient } from "./node-client.ts";
export { reasonOf } from "./reason.ts";
export type { TokenSource } from "./access-token.ts";
export { RETRIES, type RetryPolicy } from "./retry.ts";
export { watchEmail, type WatchEmailOptions } from "./watch-email.ts";
export { verifyEmail, VerifyError, type VerifyEmailCall } from "./verify-email.ts";
