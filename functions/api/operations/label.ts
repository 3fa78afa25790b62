import {
  assertBusiness,
  type Label,
  type LabeledChat,
  readChatLabels,
  readLabeledChats,
  readLabels,
} from "../../../core/label/index.ts";
import type { InstanceContext } from "../context.ts";

export async function listLabels({ deps, instance }: InstanceContext): Promise<Label[]> {
  assertBusiness(instance);
  return readLabels(deps.db, instance.id);
}

export async function getChatLabels({ deps, instance }: InstanceContext, chat: string) {
  assertBusiness(instance);
  return readChatLabels(deps.db, instance.id, chat);
}

export async function listLabeledChats({ deps, instance }: InstanceContext, labelId: string): Promise<LabeledChat[]> {
  assertBusiness(instance);
  return readLabeledChats(deps.db, instance.id, labelId);
}
