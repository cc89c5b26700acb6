/** What only the commands read that call a running service. */
import { SERVER_SETTINGS } from "./server-settings.ts";
import type { Setting } from "./setting.ts";
import { filePath } from "./values/file-path.ts";
import { origin } from "./values/origins.ts";

export const CLIENT_SETTINGS = {
  url: {
    name: "URL",
    schema: origin,
    unset: "the address that COUNTERSIGN_LISTEN names",
    example: "https://verify.example.com",
    placeholder: "url",
    help: "Where the service answers: scheme, host and port.",
    confidential: true,
  },
  tokenFile: {
    name: "TOKEN_FILE",
    schema: filePath,
    unset: "COUNTERSIGN_ADMIN_TOKEN, else `<data dir>/admin.token`",
    example: "/run/secrets/countersign-token",
    placeholder: "path",
    help: "File with the access token to call it with.",
  },
  dataDir: SERVER_SETTINGS.dataDir,
} as const satisfies Record<string, Setting>;
