/** How every server of the benchmark begins and ends: a line with its port, and then as long as stdin is open. */
export function announce(port: number): void {
  console.log(JSON.stringify({ port }));
  process.stdin.on("end", () => process.exit()).resume();
}
