/** Where data is kept, and the secrets that guard it. */
import type { Setting } from "../setting.ts";
import { adminToken, MIN_ADMIN_TOKEN_LENGTH } from "../values/admin-token.ts";
import { onOrOff } from "../values/choices.ts";
import { filePath } from "../values/file-path.ts";
import { secretKeyFile, secretKeys } from "../values/secret-keys.ts";

export const DATA_SETTINGS = {
  dataDir: {
    name: "DATA_DIR",
    schema: filePath,
    fallback: "./data",
    example: "/var/lib/countersign",
    placeholder: "path",
    help: "Directory of the database, the generated key and the admin token.",
  },
  adminToken: {
    name: "ADMIN_TOKEN",
    schema: adminToken,
    unset: "made at the first start, in `<data dir>/admin.token`",
    example: "$(openssl rand -hex 32)",
    placeholder: "token",
    help: `Token of the admin service account, ${MIN_ADMIN_TOKEN_LENGTH} characters or more.`,
    confidential: true,
  },
  replaceAdminToken: {
    name: "REPLACE_ADMIN_TOKEN",
    schema: onOrOff,
    fallback: "off",
    example: "on",
    placeholder: "on|off",
    help: "PostgreSQL: `on` puts the admin token in the place of another one; `off` refuses to start with another token than the other instances have.",
  },
  secretKey: {
    name: "SECRET_KEY",
    schema: secretKeys,
    unset: "made at the first start, in the data directory",
    example: "$(openssl rand -base64 32)",
    placeholder: "keys",
    help: "Keys that seal mails in the queue and authenticate codes: 32 bytes in base64 each, newest first, separated by commas.",
    confidential: true,
  },
  secretKeyFile: {
    name: "SECRET_KEY_FILE",
    schema: secretKeyFile,
    unset: "none",
    example: "/run/secrets/countersign-keys",
    placeholder: "path",
    help: "File with the secret keys, separated by commas or line breaks; instead of the variable above.",
    confidential: true,
  },
} as const satisfies Record<string, Setting>;
