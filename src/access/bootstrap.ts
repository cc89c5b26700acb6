/**
 * The first start: a default organization, an admin service account, its token.
 *
 * Every step can be repeated, so a start that died half-way is finished by the next one. A step looks first whether it was
 * made: a later start writes nothing, and on SQLite need not wait for the writer thread. The ids are chosen and stored
 * first; the token is in its file before its hash is in the database, so there is never a token that nobody has.
 */
import { readFile } from "node:fs/promises";
import { StartError } from "../observability/start-error.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import { writePrivateFile } from "../store/private-file.ts";
import type { Store } from "../store/store.ts";
import type { Command } from "../verification/aggregates.ts";
import { FailureError, type FailureName } from "../verification/failures.ts";
import { findAdminProblem } from "./admin-standing.ts";
import { createToken, hashToken } from "./token.ts";

const METADATA_KEY = "bootstrap";
const TOKEN_FINGERPRINT_KEY = "admin-token-fingerprint";
const ADMIN_USERNAME = "countersign-admin";
const ADMIN_TOKEN_ID = "admin";
const DEFAULT_ORGANIZATION_NAME = "Default";

export interface BootstrapOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
  readonly randomBytes: (count: number) => Uint8Array;
  /** A token chosen by the operator; undefined: one is made and written to `tokenFile`. */
  readonly adminToken: string | undefined;
  readonly tokenFile: string;
  /**
   * Whether the token may take the place of another one. False where other instances share the database: one that was
   * started with another token by mistake would shut out all who have the right one. Default: true.
   */
  readonly mayReplaceToken?: boolean;
}

/** Chosen by the first start, and the same ever after. */
interface FirstIds {
  readonly organizationId: string;
  readonly serviceAccountId: string;
}

export interface Bootstrapped extends FirstIds {
  /** Why the admin account or its token cannot be used, and what to do; undefined when they can. */
  readonly adminProblem: string | undefined;
}

export async function bootstrap(options: BootstrapOptions): Promise<Bootstrapped> {
  const { store, environments } = options;
  const ids = await chooseIds(options);
  const { organizationId, serviceAccountId } = ids;
  const run = async (command: Command, already?: FailureName) => {
    try {
      await store.execute(command, environments.plain({ kind: "system" }));
    } catch (error) {
      if (!(error instanceof FailureError && error.failure.name === already)) throw error;
    }
  };
  if ((await store.findOrganization(organizationId)) === undefined) {
    await run(
      { type: "organization.add", organizationId, name: DEFAULT_ORGANIZATION_NAME },
      "ORGANIZATION_ALREADY_EXISTS",
    );
  }
  if ((await store.findServiceAccount(serviceAccountId)) === undefined) {
    await run(
      {
        type: "serviceAccount.add",
        serviceAccountId,
        organizationId,
        username: ADMIN_USERNAME,
        roles: [{ role: "IAM_OWNER" }],
      },
      "SERVICE_ACCOUNT_ALREADY_EXISTS",
    );
  }
  const token = options.adminToken ?? (await readOrMakeToken(options));
  const hash = hashToken(token);
  const known = await store.findAccessToken(hash);
  if (known !== undefined && known.tokenId !== ADMIN_TOKEN_ID) {
    throw new StartError(
      `${options.adminToken === undefined ? options.tokenFile : "COUNTERSIGN_ADMIN_TOKEN"} holds the access token ${known.tokenId} of another use: choose a token of its own for the admin account`,
    );
  }
  await adoptToken(options, hash);
  if (known?.serviceAccountId !== serviceAccountId) {
    await run({ type: "accessToken.set", tokenId: ADMIN_TOKEN_ID, organizationId, serviceAccountId, hash });
  }
  const tokenFile = options.adminToken === undefined ? options.tokenFile : undefined;
  const adminProblem = await findAdminProblem(store, { serviceAccountId, tokenHash: hash, tokenFile });
  return { ...ids, adminProblem };
}

/** @throws StartError for another token than that of the other instances */
async function adoptToken({ store, mayReplaceToken = true }: BootstrapOptions, hash: string): Promise<void> {
  const known =
    (await store.getMetadata(TOKEN_FINGERPRINT_KEY)) ??
    (await store.setMetadata(TOKEN_FINGERPRINT_KEY, hash, "if absent"));
  if (known === hash) return;
  if (!mayReplaceToken) {
    throw new StartError(
      "COUNTERSIGN_ADMIN_TOKEN is not the token that the other instances on this database were started with: set the same one, or COUNTERSIGN_REPLACE_ADMIN_TOKEN=on to put this one in its place",
    );
  }
  await store.setMetadata(TOKEN_FINGERPRINT_KEY, hash, "always");
}

async function chooseIds({ store, environments }: BootstrapOptions): Promise<FirstIds> {
  const known = await store.getMetadata(METADATA_KEY);
  const fresh: FirstIds = {
    organizationId: environments.newId(),
    serviceAccountId: environments.newId(),
  };
  const stored = known ?? (await store.setMetadata(METADATA_KEY, JSON.stringify(fresh), "if absent"));
  return JSON.parse(stored) as FirstIds;
}

async function readOrMakeToken({ tokenFile, randomBytes }: BootstrapOptions): Promise<string> {
  const existing = await readFile(tokenFile, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  if (existing.trim() !== "") return existing.trim();
  const token = createToken(randomBytes);
  await writePrivateFile(tokenFile, `${token}\n`);
  return token;
}
