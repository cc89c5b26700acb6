/**
 * Every setting of the service, by topic and in the order in which it is documented. The keys are those of Config,
 * but where one property of Config takes several settings (assemble-config.ts).
 */
import type { InferOutput } from "valibot";
import type { Setting } from "./setting.ts";
import { CALLER_SETTINGS } from "./topics/callers.ts";
import { CODE_SETTINGS } from "./topics/codes.ts";
import { DATA_SETTINGS } from "./topics/data-and-keys.ts";
import { DATABASE_SETTINGS } from "./topics/database.ts";
import { LISTENING_SETTINGS } from "./topics/listening.ts";
import { MAIL_SETTINGS } from "./topics/mail.ts";
import { OPERATION_SETTINGS } from "./topics/operation.ts";
import { SENDING_LIMIT_SETTINGS } from "./topics/sending-limits.ts";

export const SERVER_SETTINGS = {
  ...LISTENING_SETTINGS,
  ...DATA_SETTINGS,
  ...DATABASE_SETTINGS,
  ...MAIL_SETTINGS,
  ...CODE_SETTINGS,
  ...SENDING_LIMIT_SETTINGS,
  ...CALLER_SETTINGS,
  ...OPERATION_SETTINGS,
} as const satisfies Record<string, Setting>;

type Settings = typeof SERVER_SETTINGS;

/** What the settings parse to. Undefined: not set, and there is no fallback. */
export type Values = {
  readonly [Key in keyof Settings]:
    | InferOutput<Settings[Key]["schema"]>
    | (Settings[Key] extends { readonly fallback: string } ? never : undefined);
};
