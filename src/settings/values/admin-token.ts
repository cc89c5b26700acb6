/** The token of the admin service account. */
import * as v from "valibot";
import { Secret } from "../../observability/secret.ts";

export const MIN_ADMIN_TOKEN_LENGTH = 32;

export const adminToken = v.pipe(
  v.string(),
  v.regex(/^[\x21-\x7E]*$/, "has characters other than printable ASCII without spaces"),
  v.minLength(MIN_ADMIN_TOKEN_LENGTH, `is shorter than ${MIN_ADMIN_TOKEN_LENGTH} characters`),
  v.transform((text) => new Secret(text)),
);
