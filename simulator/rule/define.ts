/** What a statement about WhatsApp is based on. `text` occurs in the file, if the source is a file. */
export type Source = { name: string; text?: string } & ({ url: string } | { path: string });

/** A statement about WhatsApp that Switchboard relies on. */
export type Rule<Name extends string = string, Relaxable extends boolean = boolean> = {
  /** In snake case. */
  name: Name;
  /** One sentence: what WhatsApp does. */
  claim: string;
  sources: readonly [Source, ...Source[]];
  /** The month in which somebody last compared the claim with its sources. */
  checked: `${number}-${number}`;
  /** `file > name of the test`, from the root of the project. */
  tests: readonly `tests/${string} > ${string}`[];
  /** Whether the simulator does what the claim says. */
  enforced: boolean;
  /** Whether the rule can be switched off (`world.rules.relax`). The simulator then asks `world.rules.relaxed`. */
  relaxable: Relaxable;
  /** The file of an independent client, other than Baileys, that shows the claim against the simulator. */
  witness: false | `tests/peers/${string}`;
};

type Definition<Name extends string> = Omit<Rule<Name>, "relaxable"> & { relaxable?: boolean };

/** Declares a rule. A rule that tests can switch off needs `relaxable: true`, and the simulator must enforce it. */
export function defineRule<const Name extends string>(
  rule: Definition<Name> & { relaxable: true; enforced: true },
): Rule<Name, true>;
export function defineRule<const Name extends string>(
  rule: Definition<Name> & { relaxable?: false },
): Rule<Name, false>;
export function defineRule<Name extends string>(rule: Definition<Name>): Rule<Name> {
  return { ...rule, relaxable: rule.relaxable ?? false };
}

/** A file of the Baileys that the project uses, and a text in it. */
export const baileys = (file: string, text: string): Source => ({
  name: `Baileys, ${file}`,
  path: `node_modules/@whiskeysockets/baileys/lib/${file}`,
  text,
});

/** The commit of whatsmeow with which the rules were compared (main in August 2026). */
const WHATSMEOW = "33cfac5116293e4cb86f8e4099e8eaf6de7ebc08";

/** A file of whatsmeow, and what to look for in it. */
export const whatsmeow = (file: string, text: string): Source => ({
  name: `whatsmeow, ${file}`,
  url: `https://github.com/tulir/whatsmeow/blob/${WHATSMEOW}/${file}`,
  text,
});

/** A file of another project on GitHub at a commit, and what to look for in it. */
export const file = (repository: `${string}/${string}`, commit: string, path: string, text: string): Source => ({
  name: `${repository}, ${path.split("/").at(-1)}`,
  url: `https://github.com/${repository}/blob/${commit}/${path}`,
  text,
});

/** A file of mautrix-whatsapp (main in November 2026), and what to look for in it. */
export const mautrix = (path: string, text: string): Source =>
  file("mautrix/whatsapp", "d70eb6b135a53a6843f17f42b1d909dc061ff6e3", path, text);

/** An issue or a pull request on GitHub. */
export const issue = (repository: `${string}/${string}`, number: number): Source => ({
  name: `${repository.split("/")[1]}#${number}`,
  url: `https://github.com/${repository}/issues/${number}`,
});
