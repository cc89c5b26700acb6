/** Where a worker's entry file is: compiled beside its caller, or its source when that is what runs. */
export function workerFile(nameWithoutExtension: string, callerUrl: string): URL {
  const extension = callerUrl.endsWith(".ts") ? ".ts" : ".js";
  return new URL(`./${nameWithoutExtension}${extension}`, callerUrl);
}
