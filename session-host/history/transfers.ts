import type { MediaDownloads } from "../media/downloads.ts";
import type { HistoryConnection, HistoryImports } from "./imports.ts";

/** What an instance fetches from WhatsApp's media host while it is connected: files and parts of the history. */
export class Transfers {
  readonly downloads: MediaDownloads;
  readonly imports: HistoryImports;

  constructor(downloads: MediaDownloads, imports: HistoryImports) {
    this.downloads = downloads;
    this.imports = imports;
  }

  /** Fetches over this connection from now on. */
  connected(connection: HistoryConnection): void {
    this.downloads.connected(connection);
    this.imports.connected(connection);
  }

  /** Fetches nothing until the next connection. */
  disconnected(): void {
    this.downloads.disconnected();
    this.imports.disconnected();
  }
}
