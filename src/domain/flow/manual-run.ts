/** The type and the connector of the event that a run by hand makes; its endpoint is the flow, and it starts no other. */
export const MANUAL_EVENT = { type: "manual.run", connector: "manual" } as const;
