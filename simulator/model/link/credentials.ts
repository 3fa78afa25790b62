export type PreKey = { id: number; public: Buffer };
export type SignedPreKey = PreKey & { signature: Buffer };

/** The keys that another device needs to open a Signal session with this one. */
export type Bundle = {
  registrationId: number;
  identityKey: Buffer;
  signedPreKey: SignedPreKey;
  preKey?: PreKey;
  /** Encoded ADVSignedDeviceIdentity. Only companions have this identity. */
  deviceIdentity?: Buffer;
};

/** The keys and the signed identity of a companion device. */
export type Credentials = {
  noiseKey: Buffer;
  identityKey: Buffer;
  registrationId: number;
  signedPreKey: SignedPreKey;
  deviceIdentity: Buffer;
  keyIndex: number;
  platform: string;
  /** Whether the device asks the phone for the full history. Absent in old state files. */
  requireFullSync?: boolean;
};
