import type { Content } from "../../../../core/message/content/index.ts";
import type { Parse } from "../parse.ts";
import { countOf, Reader, textField } from "../reader.ts";

/** Choices. mautrix-whatsapp reads the same fields in `pkg/msgconv/wa-business.go`. */

type Choice = Extract<Content, { kind: "choice" }>;

const noFlow = { description: null, index: null, cardIndex: null, flowName: null, fields: {}, paramsJson: null };

export const parseListResponse: Parse<"listResponseMessage"> = ({ title, description, singleSelectReply }, scope) => {
  const read = new Reader(scope);
  return {
    ...{ kind: "choice", from: "list", ...noFlow },
    id: read.ownId(singleSelectReply?.selectedRowId),
    label: read.name(title),
    description: read.orNull(read.detail(description)),
  } satisfies Choice;
};

export const parseButtonsResponse: Parse<"buttonsResponseMessage"> = (
  { selectedButtonId, selectedDisplayText },
  scope,
) => {
  const read = new Reader(scope);
  return {
    ...{ kind: "choice", from: "buttons", ...noFlow },
    id: read.ownId(selectedButtonId),
    label: read.name(selectedDisplayText),
  } satisfies Choice;
};

export const parseTemplateReply: Parse<"templateButtonReplyMessage"> = (part, scope) => {
  const read = new Reader(scope);
  return {
    ...{ kind: "choice", from: "template", ...noFlow },
    id: read.ownId(part.selectedId),
    label: read.name(part.selectedDisplayText),
    index: countOf(part.selectedIndex),
    cardIndex: countOf(part.selectedCarouselCardIndex),
  } satisfies Choice;
};

const maxFields = 100;
/** A form may have several long texts. */
const maxResponseBytes = 65_536;

/** The response of a native flow is JSON. A quick reply or list has an `id`, a form has a field for each input. */
export const parseInteractiveResponse: Parse<"interactiveResponseMessage"> = (
  { body, nativeFlowResponseMessage: flow },
  scope,
) => {
  const read = new Reader(scope);
  const { json, fields } = read.json(flow?.paramsJson, maxResponseBytes);
  return {
    ...{ kind: "choice", from: "interactive", ...noFlow },
    label: read.name(body?.text || textField(fields, "display_text", "title")),
    id: read.ownId(textField(fields, "id", "selected_row_id")),
    description: read.orNull(read.detail(textField(fields, "description"))),
    flowName: read.orNull(read.name(flow?.name)),
    fields: Object.fromEntries(
      read
        .list(Object.entries(fields), maxFields)
        .map(([name, value]) => [
          read.name(name),
          read.detail(typeof value === "string" ? value : (JSON.stringify(value) ?? "")),
        ]),
    ),
    paramsJson: json,
  } satisfies Choice;
};
