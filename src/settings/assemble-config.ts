/** Values of the settings -> Config: what belongs together is put together, and defaults that follow others are filled in. */
import { join } from "node:path";
import { Secret } from "../observability/secret.ts";
import type { Config } from "./config-types.ts";
import type { Values } from "./server-settings.ts";

/** Deeply frozen. */
export function assembleConfig({
  secretKey,
  secretKeyFile,
  jwtIssuer,
  jwtAudiences,
  jwksUrl,
  tlsCert,
  tlsKey,
  mailWebhookUrl,
  mailWebhookSecret,
  mailWebhookPrivate,
  database,
  databasePoolSize,
  databaseStatementTimeoutMs,
  databaseLockTimeoutMs,
  databasePooler,
  ...values
}: Values): Config {
  return deepFreeze({
    ...values,
    mailWebhook:
      mailWebhookUrl === undefined || mailWebhookSecret === undefined
        ? undefined
        : {
            url: new Secret(mailWebhookUrl.href),
            secrets: mailWebhookSecret,
            allowPrivate: mailWebhookPrivate,
          },
    jwt:
      jwtIssuer === undefined || jwtAudiences === undefined || jwksUrl === undefined
        ? undefined
        : { issuer: jwtIssuer, audiences: jwtAudiences, jwksUrl: new Secret(jwksUrl.href) },
    tls:
      tlsCert === undefined || tlsKey === undefined
        ? undefined
        : { certificateFile: tlsCert.path, keyFile: tlsKey.path },
    databasePath: database?.kind === "sqlite" ? database.path : join(values.dataDir, "countersign.db"),
    postgres:
      database?.kind !== "postgres"
        ? undefined
        : {
            ...database.address,
            poolSize: databasePoolSize,
            statementTimeoutMs: databaseStatementTimeoutMs,
            lockTimeoutMs: databaseLockTimeoutMs,
            pooler: databasePooler,
          },
    secretKeys: secretKey ?? secretKeyFile?.keys,
    secretKeyFile: secretKeyFile?.path,
    smtpServers: values.smtpServers ?? [],
    verifyRedirectHosts: values.verifyRedirectHosts ?? [],
    trustedProxies: values.trustedProxies ?? [],
  });
}

/** Freezes plain objects and arrays; a Secret protects itself. */
function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || value instanceof Secret) return value;
  for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
