/**
 * What the page loads beside its document: its script and its icon. Their addresses change with their content, so
 * browsers keep them for good.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { pageResponse, partResponse } from "../page.ts";
import { html } from "../html.ts";
import { VERIFY_ICON } from "./verify-icon.ts";

export const SCRIPT_PATH = "/verify/page.js";
export const ICON_PATH = "/verify/icon.svg";

const FOR_GOOD = "public, max-age=31536000, immutable";
const MAX_SCRIPT_BYTES = 1024 * 1024;

interface Asset {
  /** Path and query that the page refers to. */
  readonly url: string;
  readonly version: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  readonly gzipped: Uint8Array;
}

export class VerifyAssets {
  readonly icon: Asset = assetOf(ICON_PATH, "image/svg+xml", Buffer.from(VERIFY_ICON));
  #script: Promise<Asset> | undefined;

  /** @throws Error where the build has left no script: the page does without */
  script(): Promise<Asset> {
    this.#script ??= loadScript().then((bytes) =>
      assetOf(SCRIPT_PATH, "text/javascript; charset=utf-8", bytes),
    );
    return this.#script;
  }
}

/** Serves an asset by its path; without the version of its content it is not to be kept. */
export function assetPage(load: () => Promise<Asset> | Asset): (request: Request) => Promise<Response> {
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const content = { title: "Not possible", body: html`<h1>Not possible</h1>`, width: "narrow" } as const;
      return pageResponse(request, 405, content, { allow: "GET, HEAD" });
    }
    const { version, contentType, bytes, gzipped } = await load();
    const takesGzip = /(?:^|[\s,])gzip(?:$|[\s,;])(?!\s*q=0(?:\.0*)?(?:$|[\s,]))/i.test(
      request.headers.get("accept-encoding") ?? "",
    );
    const isAsked = new URL(request.url).searchParams.get("v") === version;
    return partResponse(request, takesGzip ? gzipped : bytes, {
      "content-type": contentType,
      "cache-control": isAsked ? FOR_GOOD : "no-cache",
      vary: "accept-encoding",
      ...(takesGzip && { "content-encoding": "gzip" }),
    });
  };
}

function assetOf(path: string, contentType: string, bytes: Uint8Array): Asset {
  const version = createHash("sha256").update(bytes).digest("base64url").slice(0, 16);
  return { url: `${path}?v=${version}`, version, contentType, bytes, gzipped: gzipSync(bytes, { level: 9 }) };
}

/** The build puts the script beside this module. Run from its sources, the service has the builder print it. */
async function loadScript(): Promise<Uint8Array> {
  if (!import.meta.url.endsWith(".ts")) return readFile(new URL("./page.js", import.meta.url));
  const builder = fileURLToPath(new URL("../../../scripts/build-browser.mjs", import.meta.url));
  const options = { encoding: "buffer", maxBuffer: MAX_SCRIPT_BYTES } as const;
  return (await promisify(execFile)(process.execPath, [builder, "--print"], options)).stdout;
}
