/**
 * Reads an operator's folder of texts and templates. All I/O of the messages is here.
 *
 *     <folder>/de.json                            texts in a language
 *     <folder>/verification.html.mustache         the HTML part in every language
 *     <folder>/verification.de.html.mustache      the HTML part in one
 *     <folder>/verification.txt.mustache          the text part, likewise
 *     <folder>/organizations/<organization id>/   the same for one organization
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

export interface OverrideFile {
  /** As problems name it. */
  readonly path: string;
  /** Undefined: for every organization. */
  readonly organizationId: string | undefined;
  readonly kind: "texts" | "html" | "text";
  /** The language tag in the file's name; "" for every language. */
  readonly tag: string;
  readonly content: string;
}

/** One line each, and each names the file. */
export type Problems = string[];

const MAX_FILE_BYTES = 256 * 1024;
const ORGANIZATIONS = "organizations";
const FILE_NAME = /^(?:([a-z0-9-]+)\.json|verification(?:\.([a-z0-9-]+))?\.(html|txt)\.mustache)$/i;
// What version control, editors and people leave beside the files that are meant.
const NOT_MEANT = /^\.|~$|\.md$|^README/i;

/**
 * @param folder with texts and templates for all, and folders of organizations
 * @param problems receives what could not be read
 */
export async function readOverrideFiles(folder: string, problems: Problems): Promise<OverrideFile[]> {
  const files = await readFolder(folder, undefined, problems);
  const organizations = join(folder, ORGANIZATIONS);
  const ids = await list(organizations, problems, "may be missing");
  for (const id of ids) files.push(...(await readFolder(join(organizations, id), id, problems)));
  return files;
}

async function readFolder(
  folder: string,
  organizationId: string | undefined,
  problems: Problems,
): Promise<OverrideFile[]> {
  const files: OverrideFile[] = [];
  for (const name of await list(folder, problems, "has to be there")) {
    if (name === ORGANIZATIONS && organizationId === undefined) continue;
    const path = join(folder, name);
    const [, textsTag, templateTag = "", part] = FILE_NAME.exec(name) ?? [];
    if (textsTag === undefined && part === undefined) {
      problems.push(
        `${path}: is none of the files that are read, such as de.json, verification.html.mustache, verification.de.txt.mustache`,
      );
      continue;
    }
    const content = await readText(path, problems);
    if (content === undefined) continue;
    const kind = textsTag !== undefined ? "texts" : part?.toLowerCase() === "html" ? "html" : "text";
    files.push({ path, organizationId, kind, tag: textsTag ?? templateTag, content });
  }
  return files;
}

async function list(
  folder: string,
  problems: Problems,
  presence: "has to be there" | "may be missing",
): Promise<string[]> {
  try {
    const names = await readdir(folder);
    return names.filter((name) => !NOT_MEANT.test(name)).toSorted();
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" && presence === "may be missing") return [];
    problems.push(`${folder}: the folder cannot be read (${code})`);
    return [];
  }
}

async function readText(path: string, problems: Problems): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) {
      problems.push(`${path}: has ${size} bytes, and at most ${MAX_FILE_BYTES} are read`);
      return undefined;
    }
    // Drops a byte order mark, refuses what is not UTF-8.
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (error) {
    const code = codeOf(error);
    problems.push(
      code === "ERR_ENCODING_INVALID_ENCODED_DATA"
        ? `${path}: is not text in UTF-8`
        : `${path}: cannot be read (${code})`,
    );
    return undefined;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown error";
}
