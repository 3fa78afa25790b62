export interface GuideValues {
  url: string;
  controlUrl: string;
  apiKey: string;
  admin: { email: string; password: string };
  instanceId: string;
  alice: string;
  bob: string;
  folder: string;
  /** Requests to the Gateway API in 15 minutes; 0 means no limit. */
  rateLimit: number;
}

/** Returns commands to try, ready to paste into a shell. */
export function guide(values: GuideValues): string {
  const { url, controlUrl, apiKey, admin, instanceId, alice, bob, folder, rateLimit } = values;
  const limit = rateLimit === 0 ? "none" : `${rateLimit} Gateway API requests in 15 minutes`;
  return `
The sandbox runs until you press Ctrl-C. Webhooks and the messages that Bob receives appear below.

  REST API      ${url}   (OpenAPI: ${url}/openapi.json)
  Phones        ${controlUrl}   (OpenAPI: ${controlUrl}/openapi.json)
  Admin         ${admin.email}   ${admin.password}
  Instance      ${instanceId}   linked to Alice, +${alice}
  Limit         ${limit}   (RATE_LIMIT)
  Data          ${folder}

In another terminal:

  API=${url} PHONES=${controlUrl} ID=${instanceId}
  KEY=${apiKey}
  call() { curl -sS -w '\\n' -H "x-api-key: $KEY" -H 'content-type: application/json' "$@"; }

  # Send a text to Bob, in each of the two dialects
  call $API/api/whatsapp/$ID/send -d '{"phone":"+${bob}","message":"Hi Bob"}'
  call $API/api/message/send/text -d '{"instanceId":"'$ID'","to":"${bob}","message":"Hi again"}'

  # Show Bob's messages, let Bob answer, and read the chat
  call $PHONES/phones/${bob}/inbox
  call $PHONES/phones/${bob}/text -d '{"to":"${alice}","text":"Hi Alice"}'
  call $API/api/instances/$ID/chats/${bob}@s.whatsapp.net/messages

  # Create a second instance, and a phone that scans its QR code
  NEW=$(call $API/api/instances -d '{"name":"Second"}' | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')
  call $PHONES/phones -d '{"number":"4915550000003","pushName":"Carol"}'; sleep 1
  call $API/api/instances/$NEW/qr | sed 's/qrCode/qr/' | call $PHONES/phones/4915550000003/scan -d @-; sleep 1
  call $API/api/whatsapp/$NEW/status

`;
}
