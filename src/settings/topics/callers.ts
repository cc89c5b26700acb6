/** Who may call, over which connections, and what callers are believed. */
import type { Setting } from "../setting.ts";
import { claimValue, claimValues, jwksUrl } from "../values/jwt.ts";
import { linkTargets } from "../values/link-targets.ts";
import { networks } from "../values/networks.ts";
import { origins } from "../values/origins.ts";
import { certificateFile, keyFile } from "../values/tls-files.ts";

export const CALLER_SETTINGS = {
  trustedProxies: {
    name: "TRUSTED_PROXIES",
    schema: networks,
    unset: "none",
    example: "10.0.0.0/8,2001:db8::7",
    placeholder: "networks",
    help: "Proxies whose `Forwarded` or `X-Forwarded-For` says who the client is, IP addresses and networks separated by commas.",
  },
  urlTemplateHosts: {
    name: "URL_TEMPLATE_HOSTS",
    schema: linkTargets,
    unset: "any https host, and http on loopback",
    example: "app.example.com,*.example.org,myapp:",
    placeholder: "targets",
    help: "Where the links of callers may lead: `host`, `host:port`, `*.example.com` or, for `myapp://` links, `myapp:`; separated by commas.",
  },
  jwtIssuer: {
    name: "JWT_ISSUER",
    schema: claimValue,
    unset: "none",
    example: "https://login.example.com",
    placeholder: "issuer",
    help: "Accept JWTs of this issuer as access tokens: their claim `iss`, to the letter (docs/jwt.md).",
  },
  jwtAudiences: {
    name: "JWT_AUDIENCE",
    schema: claimValues,
    unset: "none",
    example: "https://verify.example.com",
    placeholder: "audiences",
    help: "What the claim `aud` of those JWTs has to name; of several, separated by commas, one is enough.",
  },
  jwksUrl: {
    name: "JWKS_URL",
    schema: jwksUrl,
    unset: "none",
    example: "https://login.example.com/oauth/v2/keys",
    placeholder: "url",
    help: "Where that issuer publishes its keys, a JWK Set, `https://` (`http://` to loopback only); redirects are not followed.",
    confidential: true,
  },
  verifyRedirectHosts: {
    name: "VERIFY_REDIRECT_HOSTS",
    schema: linkTargets,
    unset: "none",
    example: "app.example.com,*.example.org",
    placeholder: "hosts",
    help: "Hosts that the verification page may lead on to after success, where a link has `continue`: `host`, `host:port` or `*.example.com`, separated by commas.",
  },
  tlsCert: {
    name: "TLS_CERT",
    schema: certificateFile,
    unset: "none: cleartext",
    example: "/run/secrets/countersign-tls.crt",
    placeholder: "path",
    help: "File with the certificate to serve TLS with, PEM, its intermediates after it; read again on SIGHUP.",
  },
  tlsKey: {
    name: "TLS_KEY",
    schema: keyFile,
    unset: "none",
    example: "/run/secrets/countersign-tls.key",
    placeholder: "path",
    help: "File with the private key of the certificate, PEM, without a passphrase.",
    confidential: true,
  },
  corsOrigins: {
    name: "CORS_ORIGINS",
    schema: origins,
    unset: "none; loopback origins while the dev inbox is on",
    example: "https://app.example.com,https://admin.example.com",
    placeholder: "origins",
    help: "Browser origins that may call the API, separated by commas; `*` for any, without credentials.",
  },
} as const satisfies Record<string, Setting>;
