/**
 * The name of the place where each secret is stored. It is the additional data of the ciphertext, so a ciphertext that is
 * copied to another row or column does not decrypt. Changing a place makes the secrets that are stored there unreadable.
 */
export const sealedPlace = {
  apiKey: (keyId: string) => `api-key:${keyId}`,
  signingKey: (kid: string) => `signing-key:${kid}`,
  qr: (instanceId: string) => `qr:${instanceId}`,
  pairingCode: (instanceId: string) => `pairing-code:${instanceId}`,
  passkey: (instanceId: string) => `passkey:${instanceId}`,
  webhookSecret: (instanceId: string) => `webhook-secret:${instanceId}`,
  webhookPreviousSecret: (instanceId: string) => `webhook-previous-secret:${instanceId}`,
  webhookHeader: (instanceId: string, name: string) => `webhook-header:${instanceId}:${name}`,
  proxyPassword: (instanceId: string) => `proxy-password:${instanceId}`,
  deliveryBody: (deliveryId: string) => `delivery:${deliveryId}`,
  /** A link to a file, which is not stored. `fileId` is the id in the file's storage key. */
  fileLink: (fileId: string) => `file-link:${fileId}`,
  commandOutput: (commandId: string) => `command:${commandId}`,
  /** A row of `session_keys`: credentials (`creds`, empty id) or a key of the Signal key store. */
  sessionKey: (instanceId: string, type: string, keyId: string) => `session:${instanceId}:${type}:${keyId}`,
  sessionImport: (instanceId: string) => `session-import:${instanceId}`,
  inboxPlaintext: (instanceId: string, waId: string) => `inbox:${instanceId}:${waId}`,
  historyNotification: (instanceId: string, waId: string) => `history-notification:${instanceId}:${waId}`,
  /** A row of `refused_stanzas`. `key` is hexadecimal. */
  refusedStanza: (instanceId: string, key: string) => `refused-stanza:${instanceId}:${key}`,
  refusedPlaintext: (instanceId: string, key: string) => `refused-plaintext:${instanceId}:${key}`,
};
