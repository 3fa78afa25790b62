export type PreKey = { id: number; public: Buffer };
export type SignedPreKey = PreKey & { signature: Buffer };

/** The keys that another device needs to open a Signal session with this one. */
export type Bundle = {
  registrationId: number;
  identityKey: Buffer;
  signedPreKey: SignedPreKey;
  preKey?: PreKey;
  /** ADVSignedDeviceIdentity: present for companions, absent for phones. */
  deviceIdentity?: Buffer;
};

/** The keys and the identity that a companion device proved when it was linked. */
export type Credentials = {
  noiseKey: Buffer;
  identityKey: Buffer;
  registrationId: number;
  signedPreKey: SignedPreKey;
  deviceIdentity: Buffer;
  keyIndex: number;
  platform: string;
};
