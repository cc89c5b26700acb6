/** `countersign/client` where there is no Node: browsers, and other programs with fetch. */
export { callFailure, type CallCode, type CallFailure, type FieldViolation } from "./call-failure.ts";
export * from "./contract.ts";
export { reasonOf } from "./reason.ts";
export { RETRIES, type RetryPolicy } from "./retry.ts";
export { watchEmail, type WatchEmailOptions } from "./watch-email.ts";
export { verifyEmail, VerifyError, type VerifyEmailCall } from "./verify-email.ts";
export {
  createCountersignClient,
  createWebTransport,
  type CountersignWebClient,
  type WebClientOptions,
} from "./web-client.ts";
export type { TokenSource } from "./access-token.ts";
