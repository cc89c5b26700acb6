/** Rules between settings: what none of them can tell alone. */
import { givenText, type Sources } from "./given-text.ts";
import { exampleLine } from "./problem-lines.ts";
import { SERVER_SETTINGS, type Values } from "./server-settings.ts";
import { variableOf, type Setting } from "./setting.ts";
import { MIN_CODE_ENTROPY_BITS } from "./topics/codes.ts";

type IsSet = (setting: Setting) => boolean;

/**
 * @param values of the settings that are fine alone
 * @returns one line for each rule that is broken
 */
export function conflicts(values: Partial<Values>, sources: Sources): readonly string[] {
  const isSet: IsSet = (setting) => givenText(setting, sources) !== undefined;
  return [
    ...secretKeyConflicts(isSet),
    ...postgresConflicts(values, isSet),
    ...tlsConflicts(values, isSet),
    ...webhookConflicts(values, isSet),
    ...jwtConflicts(isSet),
    ...codeStrengthConflicts(values),
  ];
}

function secretKeyConflicts(isSet: IsSet): readonly string[] {
  const { secretKey, secretKeyFile } = SERVER_SETTINGS;
  if (!isSet(secretKey) || !isSet(secretKeyFile)) return [];
  return [
    `${variableOf(secretKey)}: set together with ${variableOf(secretKeyFile)}: keep one of them; ` +
      `example: ${exampleLine(secretKeyFile)}`,
  ];
}

/** Instances that share a database need the same key and the same token; none of them could make one for the others. */
function postgresConflicts({ database }: Partial<Values>, isSet: IsSet): readonly string[] {
  if (database?.kind !== "postgres") return [];
  const { secretKey, secretKeyFile, adminToken } = SERVER_SETTINGS;
  const missing = [
    ...(isSet(secretKey) || isSet(secretKeyFile) ? [] : [secretKey]),
    ...(isSet(adminToken) ? [] : [adminToken]),
  ];
  return missing.map(
    (setting) =>
      `${variableOf(setting)}: not set, and instances that share a PostgreSQL database need the same value; ` +
      `example: ${exampleLine(setting)}`,
  );
}

function tlsConflicts({ tlsCert, tlsKey }: Partial<Values>, isSet: IsSet): readonly string[] {
  const { tlsCert: cert, tlsKey: key } = SERVER_SETTINGS;
  if (isSet(cert) !== isSet(key)) return [onlyOneOfTwo(cert, key, isSet)];
  // A value is missing here where a file was no good, which has its own line.
  if (tlsCert === undefined || tlsKey === undefined) return [];
  if (tlsCert.certificate.checkPrivateKey(tlsKey.key)) return [];
  return [
    `${variableOf(key)}: names a file whose key is not that of the certificate in ${variableOf(cert)}; ` +
      `example: ${exampleLine(key)}`,
  ];
}

function webhookConflicts(
  { mailWebhookUrl, mailWebhookPrivate }: Partial<Values>,
  isSet: IsSet,
): readonly string[] {
  const {
    mailWebhookUrl: url,
    mailWebhookSecret: secret,
    mailWebhookPrivate: isPrivate,
    smtpServers,
  } = SERVER_SETTINGS;
  const problems: string[] = [];
  if (isSet(url) !== isSet(secret)) problems.push(onlyOneOfTwo(url, secret, isSet));
  if (isSet(url) && isSet(smtpServers)) {
    problems.push(
      `${variableOf(smtpServers)}: set together with ${variableOf(url)}, and mail goes one way only: keep one of them; ` +
        `example: ${exampleLine(url)}`,
    );
  }
  // Names are looked up, and what they resolve to is checked like any other: only an address says for sure.
  if (mailWebhookPrivate === false && /^(?:.*\.)?localhost$/.test(mailWebhookUrl?.hostname ?? "")) {
    problems.push(
      `${variableOf(url)}: the value leads to this machine by its name, which wants ${variableOf(isPrivate)}=on ` +
        `(an address such as 127.0.0.1 does not); example: ${exampleLine(isPrivate)}`,
    );
  }
  return problems;
}

function jwtConflicts(isSet: IsSet): readonly string[] {
  const { jwtIssuer, jwtAudiences, jwksUrl } = SERVER_SETTINGS;
  const all: readonly Setting[] = [jwtIssuer, jwtAudiences, jwksUrl];
  const one = all.find(isSet);
  if (one === undefined) return [];
  return all
    .filter((setting) => !isSet(setting))
    .map(
      (missing) =>
        `${variableOf(one)}: set without ${variableOf(missing)}: set all three of JWT_ISSUER, JWT_AUDIENCE and JWKS_URL or none; ` +
        `example: ${exampleLine(missing)}`,
    );
}

function codeStrengthConflicts({ codeLength, codeAlphabet }: Partial<Values>): readonly string[] {
  if (codeLength === undefined || codeAlphabet === undefined) return [];
  const bitsPerSymbol = Math.log2(codeAlphabet.length);
  const bits = codeLength * bitsPerSymbol;
  if (bits >= MIN_CODE_ENTROPY_BITS) return [];
  // Rounded down: 19.97 bits must not read as 20.0.
  const roundedBits = Math.floor(bits * 10) / 10;
  const variable = variableOf(SERVER_SETTINGS.codeLength);
  return [
    `${variable}: ${codeLength} symbols out of an alphabet of ${codeAlphabet.length} give ${roundedBits} bits of entropy, ` +
      `fewer than ${MIN_CODE_ENTROPY_BITS}; example: ${variable}=${Math.ceil(MIN_CODE_ENTROPY_BITS / bitsPerSymbol)}`,
  ];
}

/** Of two settings that go together, exactly one is set. */
function onlyOneOfTwo(first: Setting, second: Setting, isSet: IsSet): string {
  const [set, missing] = isSet(first) ? [first, second] : [second, first];
  return `${variableOf(set)}: set without ${variableOf(missing)}: set both or none; example: ${exampleLine(missing)}`;
}
