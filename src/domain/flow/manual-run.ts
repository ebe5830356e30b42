/** The type and connector of the event of a manual run. Its endpoint is the flow, and it starts no other flow. */
export const MANUAL_EVENT = { type: "manual.run", connector: "manual" } as const;
