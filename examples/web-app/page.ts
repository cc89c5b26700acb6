// The page itself: by Vite while it is written, afterwards what `vite build` has left in dist/.
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { extname, join, relative } from "node:path";

export type ServePage = (request: IncomingMessage, response: ServerResponse) => void;

const FOLDER = join(import.meta.dirname, "dist");
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
};

/** @param server for Vite's own messages to the page */
export async function developedPage(server: Server): Promise<ServePage> {
  const { createServer } = await import("vite");
  const vite = await createServer({
    root: import.meta.dirname,
    server: { middlewareMode: true, hmr: { server } },
  });
  return vite.middlewares;
}

/** All of it is read once: it is small, and nothing else can be asked for. */
export async function builtPage(): Promise<ServePage> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(FOLDER, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    files.set(`/${relative(FOLDER, path)}`, await readFile(path));
  }
  return (request, response) => {
    const path = request.url === "/" ? "/index.html" : (request.url ?? "");
    const file = files.get(path);
    if (file === undefined) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(file);
  };
}
