/** What a command has of the program that it belongs to. */
export interface CommandContext {
  /** Receives the exit code once the command is over. */
  end(exitCode: number): void;
}
