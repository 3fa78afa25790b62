/** The errors of a change of the app state, which the phone and its linked devices share. */
export const appStateErrors = ["unavailable", "conflict", "outcome_unknown", "whatsapp_error"] as const;
